"""Full and failing disks under a real aggregator: nothing is acknowledged that is not on disk, nothing is
lost, all comes in when the disk is well again. The small disk is a tmpfs in a mount namespace of the
aggregator's own; errors and short writes come from strace.
"""

import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from stack import RINGSIDE, Process, Stack, assert_ledger_balances, oracle_totals, wait_until

MIB = 1 << 20


def may_mount():
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True,
                          check=False).returncode == 0


def may_trace():
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(not may_mount(), reason="needs the right to mount (root, or CAP_SYS_ADMIN)")
needs_strace = pytest.mark.skipif(not may_trace(), reason="needs strace and the right to trace")


def readiness(stack):
    """(HTTP status, body) of /readyz; None while nothing answers."""
    try:
        with urllib.request.urlopen(f"http://{stack.http}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return None


def aggregator_command(stack):
    return [RINGSIDE, "aggregator", "--listen", stack.endpoint, "--http", stack.http, "--data", stack.data]


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@needs_mount
def test_full_disk_stops_acknowledgements_and_loses_nothing():
    with Stack() as stack:
        stack.data.mkdir()
        # exec: the process that is killed at the end is the aggregator itself.
        script = 'mount -t tmpfs -o size=600k none "$1" && dd if=/dev/zero of="$1/ballast" bs=1k count=480 status=none; shift; exec "$@"'
        stack.aggregator = Process(["unshare", "-m", "sh", "-c", script, "sh", stack.data, *aggregator_command(stack)],
                                   stack.root / "aggregator.log")
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=10**9, pace_us=200, threads=2)
        wait_until(lambda: (readiness(stack) or (0,))[0] == 503, 60, lambda: readiness(stack))
        status, body = readiness(stack)
        assert status == 503 and "No space left" in body["error"], body
        log = stack.aggregator.output()
        assert log.count("nothing is acknowledged") == 1, log
        assert urllib.request.urlopen(f"http://{stack.http}/healthz", timeout=5).status == 200

        before = resident_bytes(stack.aggregator.child.pid)
        time.sleep(3)  # the agent goes on
        assert resident_bytes(stack.aggregator.child.pid) - before < 32 * MIB

        worker.kill()
        inside = pathlib.Path(f"/proc/{stack.aggregator.child.pid}/root{stack.data}")
        (inside / "ballast").unlink()
        wait_until(lambda: readiness(stack)[0] == 200, 30, lambda: readiness(stack))
        begun, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work")[0] >= ended[0], 30, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)
        # What is on the disk is what was acknowledged: it reads back whole.
        shutil.copytree(inside / "archive", stack.root / "copy")
        stack.aggregator.terminate()
        rows = json.loads(stack.run("query", "work", "--archive", stack.root / "copy", "--stat", "count", "--last",
                                    "24h", "--json").stdout)["rows"]
        assert ended[0] <= sum(row["count"] for row in rows) <= begun[0]


def terminate_traced(stack):
    """strace passes the signal on and may end before the aggregator does."""
    traced = pathlib.Path(f"/proc/{stack.aggregator.child.pid}/task/{stack.aggregator.child.pid}/children").read_text().split()
    stack.aggregator.terminate()
    wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in traced), 20, lambda: traced)


def injected(log):
    return log.read_text(errors="replace").count("(INJECTED)") if log.exists() else 0


@needs_strace
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_failed_syncs_and_renames_lose_and_double_nothing(error):
    with Stack() as stack:
        log = stack.root / "strace.log"
        # Those of the start pass.
        faults = [f"inject={call}:error={error}:when={when}"
                  for call, when in (("fdatasync", "3+3"), ("rename", "3+3"), ("fsync", "4+3"))]
        stack.aggregator = Process(
            ["strace", "-I", "2", "-f", "-qq", "-o", log, "-e", "trace=fdatasync,rename,fsync",
             *(part for fault in faults for part in ("-e", fault)), *aggregator_command(stack)],
            stack.root / "aggregator.log")
        wait_until(lambda: readiness(stack) is not None, 20, stack.aggregator.output)
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=6000, pace_us=500)
        worker.child.wait(60)
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work") == ended, 40, lambda: (stack.merged("work"), ended))
        assert injected(log) >= 3, log.read_text(errors="replace")
        assert "cannot be made durable" in stack.aggregator.output()
        terminate_traced(stack)
        stack.start_aggregator()
        wait_until(lambda: stack.merged("work") == ended, 20, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)


@needs_strace
def test_failed_writes_lose_and_double_nothing():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=6000, pace_us=500)
        wait_until(lambda: stack.merged("work")[0] > 0, 20, lambda: stack.merged("work"))
        current = sorted((stack.data / "archive").glob("2*.jsonl"))[-1]
        log = stack.root / "strace.log"
        fault = Process(["strace", "-f", "-qq", "-o", log, "-P", current, "-e", "trace=write", "-e",
                         "inject=write:error=ENOSPC:when=2+2", "-p", str(stack.aggregator.child.pid)],
                        stack.root / "strace.out")
        worker.child.wait(60)
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work") == ended, 40, lambda: (stack.merged("work"), ended))
        assert injected(log) >= 1, log.read_text(errors="replace")
        fault.terminate()
        stack.aggregator.kill()
        stack.start_aggregator()
        wait_until(lambda: stack.merged("work") == ended, 20, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)
