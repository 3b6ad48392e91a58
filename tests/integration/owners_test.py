"""Who may be read, by the file's owner: root reads all and labels them, others read their own and their group's.
Needs root, to become other users."""

import os
import shutil
import subprocess

import pytest
from stack import RINGSIDE, WORKER, Process, Stack, free_port, wait_until

ALICE, BOB, GROUP = 54321, 54322, 54323

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None,
                                reason="needs root and setpriv to run processes as other users")


def as_user(uid, groups=()):
    extra = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), *extra]


class Worker(Process):
    def __init__(self, host, uid, service, groups=()):
        log = host.stack.root / f"{service}.log"
        oracles = host.stack.root / "oracles"
        oracles.mkdir(exist_ok=True)
        oracles.chmod(0o1777)
        host.stack.root.chmod(0o755)
        super().__init__([*as_user(uid, groups), WORKER, "--oracle", oracles / service, "--operation", service,
                          "--records", "100", "--linger_ms", "60000"], log,
                         {"RINGSIDE_DIR": str(host.segments), "RINGSIDE_SERVICE": service})


def labels_of(stack, name):
    """What an operation's rows are labelled with, when asked for by uid."""
    rows = stack.query(name, "--by", "service,uid", "--stat", "count") or []
    return [(row["labels"].get("uid") or None, row["count"]) for row in rows]


def start_agent(stack, host, uid, *extra):
    host.state.mkdir()
    os.chown(host.state, uid, uid)
    os.chmod(stack.root, 0o755)
    host.agent = Process([*as_user(uid, [GROUP]), RINGSIDE, "agent", "--aggregator", stack.endpoint, "--host", "a",
                          "--dir", host.segments, "--state", host.state, "--metrics", f"127.0.0.1:{free_port()}",
                          *extra], stack.root / "agent.log")


def can_execute(uid):
    return subprocess.run([*as_user(uid), RINGSIDE, "--version"], capture_output=True, check=False).returncode == 0


@pytest.fixture(autouse=True)
def binaries_are_reachable():
    if not can_execute(ALICE):
        pytest.skip("other users cannot execute the build directory's binaries")


def test_a_root_agent_reads_everybody_and_labels_the_owner():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        os.chmod(host.segments, 0o1777)
        host.start_agent("--metrics", "off")
        workers = [Worker(host, ALICE, "of-alice"), Worker(host, BOB, "of-bob"), Worker(host, 0, "of-root")]
        for service, uid in [("of-alice", str(ALICE)), ("of-bob", str(BOB)), ("of-root", None)]:
            wait_until(lambda s=service, u=uid: labels_of(stack, s) == [(u, 100)], 20,
                       lambda s=service: (labels_of(stack, s), host.agent.output()))
        for worker in workers:
            worker.kill()


def test_another_agent_reads_its_own_user_only_and_says_so():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        os.chmod(host.segments, 0o1777)
        start_agent(stack, host, ALICE)
        workers = [Worker(host, ALICE, "of-alice"), Worker(host, BOB, "of-bob")]
        wait_until(lambda: labels_of(stack, "of-alice") == [(None, 100)], 20, host.agent.output)
        wait_until(lambda: f"belongs to user {BOB}" in host.agent.output(), 20, host.agent.output)
        assert "--group" in host.agent.output()
        assert labels_of(stack, "of-bob") == []
        wait_until(lambda: any(f"belongs to user {BOB}" in row.get("quarantine", "")
                               for row in stack.ledger()["producers"]), 40, stack.ledger)
        for worker in workers:
            worker.kill()


def test_a_group_shares_a_set_group_id_directory():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        os.chown(host.segments, 0, GROUP)
        os.chmod(host.segments, 0o3770)
        start_agent(stack, host, ALICE, "--group", str(GROUP))
        workers = [Worker(host, ALICE, "of-alice", [GROUP]), Worker(host, BOB, "of-bob", [GROUP])]
        wait_until(lambda: labels_of(stack, "of-alice") == [(None, 100)], 20, host.agent.output)
        wait_until(lambda: labels_of(stack, "of-bob") == [(str(BOB), 100)], 20, host.agent.output)
        for worker in workers:
            worker.kill()
        # Bob's file may only be removed by Bob or root: it stays, and is never counted again.
        wait_until(lambda: len(host.segment_files()) == 1, 20, host.segment_files)
        host.agent.kill()
        host.agent = Process(host.agent.arguments, host.agent.log)
        wait_until(lambda: host.agent.output().count("ringside agent:") == 2, 20, host.agent.output)
        assert labels_of(stack, "of-bob") == [(str(BOB), 100)]
        assert stack.ledger()["balanced"]
