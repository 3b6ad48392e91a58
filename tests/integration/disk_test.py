"""Full and failing disks under a real aggregator: nothing is acknowledged that is not on disk, nothing is
lost, all comes in when the disk is well again. The small disk is a tmpfs in a mount namespace of the
aggregator's own: writes that find it full are short first. Errors come from strace, which cannot shorten a write.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from stack import RINGSIDE, Process, Stack, assert_ledger_balances, oracle_totals, wait_until

MIB = 1 << 20
SENDER = os.environ["RINGSIDE_FLEET_SENDER"]


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
        with urllib.request.urlopen(f"http://{stack.http}/readyz", timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return None


def status_of(stack):
    return (readiness(stack) or (0,))[0]


def aggregator_command(stack):
    return [RINGSIDE, "aggregator", "--listen", stack.endpoint, "--http", stack.http, "--data", stack.data]


def most_resident_bytes(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024


def start_on_small_disk(stack, size_kib, free_kib, *extra):
    """The aggregator on a tmpfs of its own, full but for so much until `ballast` is removed; returns its data there."""
    stack.data.mkdir()
    # exec: the process that is killed at the end is the aggregator itself.
    script = 'mount -t tmpfs -o size=$2k none "$1" && dd if=/dev/zero of="$1/ballast" bs=1k count=$3 status=none; shift 3; exec "$@"'
    stack.aggregator = Process(["unshare", "-m", "sh", "-c", script, "sh", stack.data, size_kib, size_kib - free_kib,
                                *aggregator_command(stack), *extra], stack.root / "aggregator.log")
    return pathlib.Path(f"/proc/{stack.aggregator.child.pid}/root{stack.data}")


@needs_mount
def test_full_disk_stops_acknowledgements_and_loses_nothing():
    with Stack() as stack:
        inside = start_on_small_disk(stack, 600, 120)
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=10**9, pace_us=200, threads=2)
        wait_until(lambda: status_of(stack) == 503, 60, lambda: readiness(stack))
        status, body = readiness(stack)
        assert status == 503 and "No space left" in body["error"], body
        log = stack.aggregator.output()
        assert log.count("nothing is acknowledged") == 1, log
        assert urllib.request.urlopen(f"http://{stack.http}/healthz", timeout=60).status == 200

        worker.kill()
        (inside / "ballast").unlink()
        wait_until(lambda: status_of(stack) == 200, 30, lambda: readiness(stack))
        begun, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work")[0] >= ended[0], 30, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)
        # What is on the disk is what was acknowledged: it reads back whole.
        shutil.copytree(inside / "archive", stack.root / "copy")
        stack.aggregator.terminate()
        rows = json.loads(stack.run("query", "work", "--archive", stack.root / "copy", "--stat", "count", "--last",
                                    "24h", "--json").stdout)["rows"]
        assert ended[0] <= sum(row["count"] for row in rows) <= begun[0]


@needs_mount
def test_memory_stays_within_its_limit_while_the_disk_is_full_and_agents_flood():
    limit = 64 * MIB
    with Stack() as stack:
        inside = start_on_small_disk(stack, 200 * 1024, 300, "--memory-limit", "64MiB")
        wait_until(lambda: readiness(stack) is not None, 20, stack.aggregator.output)
        sender = Process([SENDER, stack.endpoint, 4, 0, 40, "flood"], stack.root / "sender.log")
        wait_until(lambda: status_of(stack) == 503, 60, lambda: readiness(stack))
        time.sleep(3)  # the agents go on
        assert status_of(stack) == 503
        most = most_resident_bytes(stack.aggregator.child.pid)
        assert most <= 1.25 * limit, f"{most / MIB:.0f} MiB"
        (inside / "ballast").unlink()
        assert sender.child.wait(120) == 0, sender.output()
        sent = int(sender.output().split()[-1])

        def total():
            rows = stack.query("--by", "kind", "--stat", "count", "--last", "24h", "--where", "kind=duration")
            return sum(row["count"] for row in rows or [])
        # Acknowledged is what is on the disk: it is merged a moment later.
        wait_until(lambda: total() == sent, 60, lambda: (total(), sent))
        assert_ledger_balances(stack)
        most = most_resident_bytes(stack.aggregator.child.pid)
        print(f"{most / MIB:.0f} MiB resident at most")
        assert most <= 1.25 * limit, f"{most / MIB:.0f} MiB"


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
        worker, oracle = host.start_worker(records=10000, pace_us=500)
        worker.child.wait(200)
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work") == ended, 40, lambda: (stack.merged("work"), ended))
        wait_until(lambda: injected(log) >= 2, 60, lambda: log.read_text(errors="replace"))
        wait_until(lambda: "cannot be made durable" in stack.aggregator.output(), 60, stack.aggregator.output)
        terminate_traced(stack)
        stack.start_aggregator()
        wait_until(lambda: stack.merged("work") == ended, 20, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)


def archive_text(path):
    """The bytes of an archive's file, which the aggregator may have compressed by now."""
    if path.exists():
        return path.read_bytes()
    return subprocess.run(["zstd", "-dcq", f"{path}.zst"], capture_output=True, check=True).stdout


def archive_syncs(log):
    """Path and result of every sync of an archive's file that strace has seen, in order."""
    return re.findall(r"fdatasync\(\d+<(.+?/2[^>]+\.jsonl)>.*= (-?\d)", log.read_text(errors="replace"))


def failed_syncs(log):
    return [path for path, result in archive_syncs(log) if result == "-1"]


@needs_strace
def test_a_failed_sync_is_never_retried_on_its_file():
    with Stack() as stack:
        log = stack.root / "strace.log"
        # Nothing can be cut back either: what was not durable stays in the file. The first three cuts are of the
        # two files that name the process.
        stack.aggregator = Process(
            ["strace", "-I", "2", "-f", "-qq", "-y", "-o", log, "-e", "trace=fdatasync,ftruncate", "-e",
             "inject=fdatasync:error=EIO:when=4+4", "-e", "inject=ftruncate:error=EIO:when=4+",
             *aggregator_command(stack)], stack.root / "aggregator.log")
        wait_until(lambda: readiness(stack) is not None, 20, stack.aggregator.output)
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=8000, pace_us=500)
        worker.child.wait(200)
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work") == ended, 40, lambda: (stack.merged("work"), ended))
        # How many syncs the worker's records took is the machine's affair; the agent's own metrics go on.
        wait_until(lambda: len(failed_syncs(log)) >= 3, 60, lambda: archive_syncs(log))
        terminate_traced(stack)

        syncs = archive_syncs(log)
        failed = failed_syncs(log)
        for path in failed:
            results = [result for name, result in syncs if name == path]
            assert results.index("-1") == len(results) - 1, f"{path} was synced again: {results}"
        # The file after it says where it ends: in front of what was written in vain. Readers, the compression among
        # them, stop there.
        was_seen = 0
        result = stack.run("archive", "compact", stack.data)
        assert result.returncode == 0, result.stderr
        for path in map(pathlib.Path, failed):
            number = int(path.stem.rsplit("-", 1)[1])
            after = next((stack.data / "archive").glob(f"2*-{number + 1:06}.jsonl*"), None)
            if not path.with_name(path.name + ".zst").exists() or after is None:
                continue  # it had only a head, and went
            head = json.loads(archive_text(after.with_name(after.name.removesuffix(".zst"))).split(b"\n", 1)[0])
            assert head["previous"]["file"] == path.name
            assert head["previous"]["bytes"] == len(archive_text(path))
            was_seen += 1
        assert was_seen > 0, sorted((stack.data / "archive").iterdir())
        stack.start_aggregator()
        wait_until(lambda: stack.merged("work") == ended, 20, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)


@needs_strace
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_failed_writes_lose_and_double_nothing(error):
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=6000, pace_us=500)
        wait_until(lambda: stack.merged("work")[0] > 0, 20, lambda: stack.merged("work"))
        current = sorted((stack.data / "archive").glob("2*.jsonl"))[-1]
        log = stack.root / "strace.log"
        fault = Process(["strace", "-f", "-qq", "-o", log, "-P", current, "-e", "trace=write", "-e",
                         f"inject=write:error={error}:when=2+2", "-p", str(stack.aggregator.child.pid)],
                        stack.root / "strace.out")
        worker.child.wait(200)
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work") == ended, 40, lambda: (stack.merged("work"), ended))
        # The worker may be done before strace is there; the agent's own metrics go on.
        wait_until(lambda: injected(log) >= 1, 60, lambda: log.read_text(errors="replace") if log.exists() else "")
        fault.terminate()
        stack.aggregator.kill()
        stack.start_aggregator()
        wait_until(lambda: stack.merged("work") == ended, 20, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)
