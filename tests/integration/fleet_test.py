"""A fleet against one real aggregator: its memory stays within the limit, its totals exact.

The agents are simulated (bench/agent_fleet.h), their sockets real; what they sent is the oracle.
"""

import json
import os
import pathlib
import time
import urllib.request

from stack import Process, Stack, assert_ledger_balances, wait_until

SENDER = os.environ["RINGSIDE_FLEET_SENDER"]
LONG = os.environ.get("RINGSIDE_LONG") == "1"
MIB = 1 << 20


def resident_bytes(process):
    for line in pathlib.Path(f"/proc/{process.child.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def held(stack):
    with urllib.request.urlopen(f"http://{stack.http}/api/v1/store", timeout=30) as answer:
        return json.load(answer)


def total(stack, *where):
    """All durations, which is what agents send here; what the aggregator itself sees of hosts are gauges."""
    sent = "kind=duration"
    rows = stack.query("--by", "kind", "--stat", "count", "--last", "24h", "--where", sent, *where)
    return sum(row["count"] for row in rows)


def start(stack, *extra):
    stack.start_aggregator(*extra)
    wait_until(lambda: stack.ledger() is not None, 60, stack.aggregator.output)


def send(stack, *arguments, watch=lambda: None):
    """Runs the sender to its end; returns the samples that it sent."""
    sender = Process([SENDER, stack.endpoint, *arguments], stack.root / "sender.log")
    while sender.running():
        watch()
        time.sleep(0.02)
    assert sender.child.returncode == 0, sender.output()
    return int(sender.output().split()[-1])


def test_a_cardinality_bomb_stays_within_the_limit_and_totals_exact():
    agents, frames = 4, 500 if LONG else 50
    limit = 64 * MIB
    with Stack() as stack:
        start(stack, "--memory-limit", "64MiB")
        most = 0

        def watch():
            nonlocal most
            most = max(most, resident_bytes(stack.aggregator))

        sent = send(stack, agents, 0, frames, "new", watch=watch)
        wait_until(lambda: total(stack) == sent, 30, lambda: (total(stack), sent))
        watch()
        store = held(stack)
        series = agents * frames * 500
        assert most <= 1.25 * limit, f"{most / MIB:.0f} MiB resident, {store}"
        assert store["bytes"] <= limit
        assert store["series"]["count"] < series / 2, "beyond the bound they overflow"
        assert store["overflowed_samples"] > 0
        rows = stack.query("--by", "overflow", "--stat", "count", "--last", "24h")
        assert {row["labels"]["overflow"] for row in rows} == {"", "true"}
        assert_ledger_balances(stack)

        stack.aggregator.kill()
        most = 0
        start(stack, "--memory-limit", "64MiB")
        wait_until(lambda: total(stack) == sent, 60, lambda: (total(stack), sent))
        watch()
        assert most <= 1.25 * limit, f"{most / MIB:.0f} MiB resident after the restart"


def test_a_thundering_herd_is_absorbed():
    agents, frames = (1000, 8) if LONG else (150, 4)
    with Stack() as stack:
        start(stack)
        sender = Process([SENDER, stack.endpoint, agents, 200, frames], stack.root / "sender.log")
        archive = stack.data / "archive"
        wait_until(lambda: sum(f.stat().st_size for f in archive.glob("*.jsonl")) > MIB, 60, sender.output)
        # All connections break; all agents come back at once, with what was not acknowledged.
        stack.aggregator.kill()
        start(stack)
        sender.child.wait(170)
        assert sender.child.returncode == 0, sender.output()
        sent = int(sender.output().split()[-1])
        wait_until(lambda: total(stack) == sent, 60, lambda: (total(stack), sent))
        assert_ledger_balances(stack)


def test_an_agent_that_reads_nothing_delays_nobody():
    with Stack() as stack:
        start(stack)
        stuck = Process([SENDER, stack.endpoint, 1, 50, 2000, "deaf"], stack.root / "stuck.log")
        sent = send(stack, 5, 100, 20)
        assert stuck.running() or stuck.child.returncode == 0
        stuck.kill()
        assert total(stack, "--where", "host!=deaf") == sent
        assert_ledger_balances(stack)
