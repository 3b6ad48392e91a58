"""Processes that fork, spawn and die: every sample is merged exactly once, and nothing is left."""

import os
import subprocess
import sys

import pytest
from server import HERE, ServedStack
from stack import assert_ledger_balances

TASKS = 2000 if os.environ.get("RINGSIDE_LONG") else 40
WORKER = HERE / "processes_worker.py"


MODES = ("fork", "spawn", "forkserver", "executor-fork", "executor-spawn", "os.fork",
         "fork-in-thread", "nested")
OTHERS = {"open-request": 0, "killed": 5, "short": 30}


class Ran:
    """A stack on which every mode of the worker ran, all at once, and how many tasks each ran."""

    def __init__(self, stack):
        self.stack = stack
        environment = {**os.environ, "RINGSIDE_DIR": str(stack.hosts[0].segments)}
        workers = {mode: subprocess.Popen(
            [sys.executable, WORKER, mode, str(count)], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for mode, count in {**dict.fromkeys(MODES, TASKS), **OTHERS}.items()}
        self.tasks = {mode: self._result(worker) for mode, worker in workers.items()}
        stack.wait_for_no_segments()

    @staticmethod
    def _result(worker):
        output, errors = worker.communicate(timeout=200)
        assert worker.returncode == 0, errors
        return int(output)


@pytest.fixture(name="ran", scope="module")
def ran_in_every_mode():
    with ServedStack() as stack:
        yield Ran(stack)


@pytest.mark.parametrize("mode", MODES)
def test_every_way_to_make_processes_counts_each_task_once(ran, mode):
    tasks = ran.tasks[mode]
    assert tasks >= 10
    for operation in ("task", "unit", "unit/part"):
        ran.stack.wait_for_total(f"{mode}.{operation}", tasks)
    ran.stack.wait_for_total(f"{mode}.parent", 2)
    assert ran.stack.counter(f"{mode}.tasks") == tasks


def test_a_request_that_is_open_across_a_fork_counts_once_in_the_parent(ran):
    ran.stack.wait_for_total("open", 1)
    ran.stack.wait_for_total("open/parent-stage", 1)
    ran.stack.wait_for_total("child", 4)
    ran.stack.wait_for_total("timed-across", 1)
    assert ran.stack.merged("open/child-stage") == (0, 0)


def test_killed_workers_lose_only_what_they_had_not_ended(ran):
    ran.stack.wait_for_total("killed.task", ran.tasks["killed"])
    rows = ran.stack.query("doomed", "--stat", "count", "--last", "24h", "--by", "outcome")
    assert [(row["labels"], row["count"]) for row in rows] == [({"outcome": "aborted"}, 5)]


def test_many_short_lives_are_counted_each(ran):
    ran.stack.wait_for_total("short.task", ran.tasks["short"])


def test_nothing_is_left_and_nothing_lost(ran):
    assert ran.stack.hosts[0].segment_files() == []
    lost = assert_ledger_balances(ran.stack)["lost"]
    assert not any(lost.values()), lost
