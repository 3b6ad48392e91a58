"""Workers in another pid namespace, as in containers: drained exactly, and their death is recognised."""

import pathlib
import re
import signal
import subprocess

import pytest
from stack import RINGSIDE, WORKER, Process, Stack, assert_ledger_balances, oracle_totals, wait_until

UNSHARE = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]


def can_unshare():
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_unshare(), reason="needs root, or the right to make pid namespaces")


@pytest.fixture(name="stack")
def running_stack():
    with Stack() as stack:
        stack.start_aggregator()
        yield stack


def start_hidden_worker(host):
    """A worker that is the first process of a pid namespace of its own; returns it and its oracle."""
    oracle = host.stack.root / "oracle"
    process = Process([*UNSHARE, WORKER, "--oracle", oracle, "--operation", "hidden", "--records", "1000000000",
                       "--pace_us", "500", "--threads", "2"],
                      host.stack.root / "worker.log", {"RINGSIDE_DIR": str(host.segments)})
    return process, oracle


def inner_pid(process):
    """The worker behind unshare, as this namespace sees it."""
    children = pathlib.Path(f"/proc/{process.child.pid}/task/{process.child.pid}/children")
    return int(wait_until(children.read_text, 60, "the worker").split()[0])


def assert_exact(stack, oracle):
    begun, ended = oracle_totals([oracle])
    merged = stack.merged("hidden")
    assert ended[0] <= merged[0] <= begun[0] and ended[0] > 0
    assert ended[1] <= merged[1] <= begun[1]
    assert_ledger_balances(stack)


def test_an_agent_above_sees_the_worker_and_its_death(stack):
    host = stack.host("node")
    host.start_agent()
    worker, oracle = start_hidden_worker(host)
    pid = inner_pid(worker)
    rows = wait_until(lambda: stack.query("process.info", "--by", "pid,container_pid"), 20, "process.info")
    assert [(row["labels"]["pid"], row["labels"]["container_pid"]) for row in rows] == [(str(pid), "1")]
    assert wait_until(lambda: stack.merged("hidden")[0] > 0, 20, "samples")
    worker.kill()  # and unshare's child with it
    wait_until(lambda: not host.segment_files(), 20, host.agent.output)
    wait_until(lambda: stack.merged("hidden")[0] >= oracle_totals([oracle])[1][0], 20, "the last samples")
    assert_exact(stack, oracle)


def test_an_agent_beside_recognises_the_death_when_nothing_changes_any_more(stack):
    host = stack.host("pod")
    config = stack.root / "agent.yaml"
    config.write_text("agent: {hidden_grace: 3s}\n")
    host.agent = Process([*UNSHARE, RINGSIDE, "agent", "--config", config, "--aggregator", stack.endpoint, "--host",
                          host.name, "--dir", host.segments, "--state", host.state], stack.root / "agent-pod.log")
    worker, oracle = start_hidden_worker(host)
    wait_until(lambda: stack.merged("hidden")[0] > 0, 20, host.agent.output)
    assert stack.query("process.rss") == [], "a process that cannot be seen has no samples"
    pid = inner_pid(worker)
    subprocess.run(["kill", "-STOP", str(pid)], check=True)
    wait_until(lambda: re.search(r"^State:\s+T", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M), 60, "stop")
    assert host.segment_files(), "its lock is held: it lives, also when stopped"
    worker.kill()
    wait_until(lambda: not host.segment_files(), 30, host.agent.output)
    wait_until(lambda: stack.merged("hidden")[0] >= oracle_totals([oracle])[1][0], 20, "the last samples")
    assert_exact(stack, oracle)
    assert signal.Signals(-worker.child.returncode) == signal.SIGKILL
