"""Processes that fork, spawn and die: every sample is merged exactly once, and nothing is left."""

import os
import subprocess
import sys

import pytest
from server import HERE, ServedStack
from stack import assert_ledger_balances

TASKS = 2000 if os.environ.get("RINGSIDE_LONG") else 40
WORKER = HERE / "processes_worker.py"


def run(stack, mode, *arguments):
    result = subprocess.run(
        [sys.executable, WORKER, mode, *map(str, arguments)], capture_output=True, text=True,
        check=False, timeout=120,
        env={**os.environ, "RINGSIDE_DIR": str(stack.hosts[0].segments)})
    assert result.returncode == 0, result.stderr
    return result.stdout


def assert_settled(stack):
    stack.wait_for_no_segments()
    lost = assert_ledger_balances(stack)["lost"]
    assert not any(lost.values()), lost


@pytest.mark.parametrize("mode", ["fork", "spawn", "forkserver", "executor-fork", "executor-spawn",
                                  "os.fork", "fork-in-thread", "nested"])
def test_every_way_to_make_processes_counts_each_task_once(mode):
    with ServedStack() as stack:
        tasks = int(run(stack, mode, TASKS))
        stack.wait_for_total("task", tasks)
        stack.wait_for_total("unit", tasks)
        stack.wait_for_total("unit/part", tasks)
        stack.wait_for_total("parent", 2)
        assert stack.counter("tasks") == tasks
        assert_settled(stack)


def test_a_request_that_is_open_across_a_fork_counts_once_in_the_parent():
    with ServedStack() as stack:
        run(stack, "open-request")
        stack.wait_for_total("open", 1)
        stack.wait_for_total("open/parent-stage", 1)
        stack.wait_for_total("child", 4)
        stack.wait_for_total("timed-across", 1)
        assert stack.merged("open/child-stage") == (0, 0)
        assert_settled(stack)


def test_killed_workers_lose_only_what_they_had_not_ended():
    with ServedStack() as stack:
        done = int(run(stack, "killed", 5))
        stack.wait_for_total("task", done)
        assert_settled(stack)
        rows = stack.query("doomed", "--stat", "count", "--last", "24h", "--by", "outcome")
        assert [(row["labels"], row["count"]) for row in rows] == [({"outcome": "aborted"}, 5)]


def test_many_short_lives_leave_no_segment_behind():
    with ServedStack() as stack:
        lives = int(run(stack, "short", 30))
        stack.wait_for_total("task", lives)
        assert_settled(stack)
