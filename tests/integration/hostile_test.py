"""Hostile workers beside good ones, under a real agent: it lives within its memory bound, refuses the bad ones by
name and reason, and the good ones are exact."""

import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
from stack import Stack, oracle_totals, wait_until

HOSTILE = os.environ["RINGSIDE_HOSTILE_WORKER"]
# docs/agent.md, "Whom the agent trusts". Under sanitizers memory means something else.
BOUND_MIB = 160

# What each does to its own segment: a word of the reason that the ledger must give, or None where what it does
# is within its rights (10,000 series end in the overflow series) or may go unnoticed (a name that was swapped
# after the agent opened the file).
AFTER_IT_WAS_MET = {
    "scribble": None,  # nearly always found out; nothing promises that random bytes are
    "race": None,
    "truncate": "resized",
    "punch": "",
    "huge": "resized",
    "lengths": "claims",
    "loop": "",
    "flood": None,
    "spread": None,
    "wide": "64 MiB of histograms",
    "names": "",
    "fifo": None,
    "symlink": None,
}
BEFORE_IT_IS_MET = {
    "truncate": "",
    "huge": "too large",
    "fifo": "regular file",
    "symlink": "symbolic link",
    "pid": "holds its lock",
    "lengths": "claims",
}


MODES = len(AFTER_IT_WAS_MET) + len(BEFORE_IT_IS_MET)
assert MODES == 19, "docs/agent.md says how many"


class Hostile:
    """One hostile worker; `turn` makes it do what it came for."""

    started = []

    def __init__(self, host, mode, when):
        self.service = f"{mode}-{when}"
        self.log = host.stack.root / f"hostile-{self.service}.log"
        with open(self.log, "wb") as out:
            self.child = subprocess.Popen(
                [HOSTILE, mode], stdin=subprocess.PIPE, stdout=out, stderr=out,
                env={**os.environ, "RINGSIDE_DIR": str(host.segments), "RINGSIDE_SERVICE": self.service})
        Hostile.started.append(self.child)
        wait_until(lambda: ".seg\n" in self.log.read_text(), 20, self.log.read_text)
        self.segment = pathlib.Path(self.log.read_text().split()[1]).name

    def turn(self):
        self.child.stdin.write(b"\n")
        self.child.stdin.flush()

    def wait_done(self):
        wait_until(lambda: "done" in self.log.read_text(), 30, self.log.read_text)


@pytest.fixture(autouse=True)
def none_is_left_behind():
    yield
    for child in Hostile.started:
        child.kill()
        child.wait()


def rss_anon_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", text).group(1)) / 1024


def quarantine_reason(stack, hostile):
    uuid = hostile.segment.removesuffix(".seg")
    for row in (stack.ledger() or {"producers": []})["producers"]:
        if row["producer"] == uuid:
            return row.get("quarantine", "")
    return ""


def row_of(stack, hostile):
    uuid = hostile.segment.removesuffix(".seg")
    return next(row for row in stack.ledger()["producers"] if row["producer"] == uuid)


def assert_adds_up(row):
    """recorded = merged + in flight + quarantined + lost."""
    assert row["balanced"], row
    assert row["recorded"] == row["merged"] + row["in_flight"] + row["quarantined"] + sum(row["lost"].values()), row


def assert_flooder_is_whole(stack):
    """10,000 label values: what has no series of its own is in the overflow series, and nothing is missing."""
    wait_until(lambda: stack.merged("flood")[0] == 10000, 20, lambda: stack.merged("flood"))
    rows = stack.query("flood", "--by", "overflow", "--stat", "count", "--last", "24h")
    counts = {row["labels"]["overflow"]: row["count"] for row in rows}
    assert set(counts) == {"", "true"}, counts
    assert counts["true"] > counts[""] > 0, counts


def assert_the_undelivered_are_counted(stack, hostile):
    """Its cells were valid: what was not delivered when it was refused is a term of the ledger."""
    row = wait_until(lambda: row_of(stack, hostile), 20, stack.ledger)
    assert_adds_up(row)
    assert row["quarantined"] > 1900, row
    assert f"{row['quarantined']} samples are not delivered" in row["quarantine"], row


def test_hostile_workers_harm_only_themselves():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        good = [host.start_worker(operation="good", records=10**9, pace_us=200, threads=2, seed=i,
                                  env={"RINGSIDE_SERVICE": "good"}) for i in range(3)]
        before = {mode: Hostile(host, mode, "before") for mode in BEFORE_IT_IS_MET}
        for hostile in before.values():
            hostile.turn()
            hostile.wait_done()
        host.start_agent()
        after = {mode: Hostile(host, mode, "after") for mode in AFTER_IT_WAS_MET}
        wait_until(lambda: stack.merged("bad")[0] >= 100 * len(after), 20, lambda: stack.merged("bad"))
        # All its series in one interval, however slowly it makes them.
        host.agent.child.send_signal(signal.SIGSTOP)
        after["wide"].turn()
        after["wide"].wait_done()
        host.agent.child.send_signal(signal.SIGCONT)
        for mode, hostile in after.items():
            if mode != "wide":
                hostile.turn()
        peak = 0
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert host.agent.running(), host.agent.output()
            peak = max(peak, rss_anon_mib(host.agent.child.pid))
            time.sleep(0.02)
        for hostile in after.values():
            hostile.wait_done()

        expected = [(before[mode], reason) for mode, reason in BEFORE_IT_IS_MET.items()]
        expected += [(after[mode], reason) for mode, reason in AFTER_IT_WAS_MET.items() if reason is not None]
        for hostile, reason in expected:
            told = wait_until(lambda h=hostile: quarantine_reason(stack, h), 20,
                              lambda h=hostile: (h.service, host.agent.output()))
            assert reason in told, (hostile.service, told)
            assert told in host.agent.output(), (hostile.service, told)
            assert hostile.segment.removesuffix(".seg") in host.agent.output(), hostile.service
        assert_the_undelivered_are_counted(stack, after["wide"])
        assert_adds_up(row_of(stack, after["flood"]))
        assert_flooder_is_whole(stack)
        wait_until(lambda: stack.merged("spread")[0] == 2 * 1900, 20, lambda: stack.merged("spread"))
        text = stack.run("ledger", "--server", f"http://{stack.http}").stdout
        assert "quarantined: " in text and "holds its lock" in text, text
        wait_until(lambda: oracle_totals(o for _, o in good)[1][0] > 3 * 2 * 1000, 60, "records")
        for hostile in [*before.values(), *after.values()]:
            hostile.child.kill()
            hostile.child.wait()
        for process, _ in good:
            process.kill()
        begun, ended = oracle_totals(o for _, o in good)
        # A killed thread may have been inside Record.
        wait_until(lambda: ended[0] <= stack.merged("good")[0] <= begun[0], 20,
                   lambda: (ended, stack.merged("good"), begun))
        count, total = stack.merged("good")
        assert ended[1] <= total <= begun[1]
        print(f"RssAnon of the agent: {peak:.1f} MiB at most")
        assert peak < BOUND_MIB, peak
        for row in stack.ledger()["producers"]:
            if row["service"] == "good":
                assert not row.get("quarantine") and row["balanced"], row
        # Quarantined segments go with their processes; what is no segment is left to its maker.
        wait_until(lambda: len(host.segment_files()) <= len(BEFORE_IT_IS_MET) + 2, 20, host.segment_files)
