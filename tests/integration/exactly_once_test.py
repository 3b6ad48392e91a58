"""No sample is lost and none counts twice, whatever is killed. The oracle is written by the workers."""

import os
import random
import time

import pytest
from stack import Stack, oracle_totals, wait_until

SEEDS = int(os.environ.get("RINGSIDE_SEEDS", "25"))


def settled(stack, operation):
    """The merged totals once nothing is in flight any more: unchanged for two intervals."""
    last = stack.merged(operation)
    same_since = time.monotonic()
    deadline = time.monotonic() + 40
    while time.monotonic() - same_since < 2.5 and time.monotonic() < deadline:
        time.sleep(0.2)
        now = stack.merged(operation)
        if now != last:
            last, same_since = now, time.monotonic()
    return last


def assert_ledger_balances(stack):
    ledger = wait_until(stack.ledger, 20, "ledger")
    wait_until(lambda: stack.ledger()["balanced"], 15, lambda: stack.ledger())
    return ledger


def test_eight_workers_at_full_speed_are_counted_exactly():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        started = [host.start_worker(operation="work", records=1_000_000, seed=i,
                                     env={"RINGSIDE_TIMING_RING_RECORDS": "64"})
                   for i in range(8)]
        assert [w.child.wait(120) for w, _ in started] == [0] * 8
        begun, ended = oracle_totals(o for _, o in started)
        assert begun == ended and begun[0] == 8_000_000
        wait_until(lambda: stack.merged("work") == ended, 30, lambda: (stack.merged("work"), ended))
        assert_ledger_balances(stack)
        detail = stack.ledger()["detail"]
        assert detail["written"] == 8_000_000
        assert sum(detail["dropped"].values()) + detail["archived"] == 8_000_000
        assert detail["dropped"]["ring_full"] > 0
        wait_until(lambda: not host.segment_files(), 20, host.segment_files)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_kills_at_random_lose_and_double_nothing(seed):
    """Workers, agent and aggregator are killed with SIGKILL and restarted while workers record."""
    chance = random.Random(seed)
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        started = [host.start_worker(records=10**9, pace_us=chance.choice([0, 20, 200]), threads=2, seed=i)
                   for i in range(3)]
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            time.sleep(chance.uniform(0.05, 0.5))
            victim = chance.choice(["worker", "agent", "aggregator"])
            if victim == "worker":
                chance.choice(started)[0].kill()
                started.append(host.start_worker(records=10**9, threads=2, seed=seed + len(started),
                                                 pace_us=chance.choice([0, 20, 200])))
            elif victim == "agent":
                host.agent.kill()
                time.sleep(chance.uniform(0, 0.3))
                host.start_agent()
            else:
                stack.aggregator.kill()
                time.sleep(chance.uniform(0, 0.3))
                stack.start_aggregator()
        for process, _ in started:
            process.kill()

        begun, ended = oracle_totals(o for _, o in started)
        wait_until(lambda: not host.segment_files(), 30, host.segment_files)
        count, total = settled(stack, "work")
        # A killed thread may have been inside Record: between `ended` and `begun`, by one each.
        assert ended[0] <= count <= begun[0], (seed, ended, (count, total), begun)
        assert ended[1] <= total <= begun[1], (seed, ended, (count, total), begun)
        assert begun[0] - ended[0] <= 2 * len(started)
        assert_ledger_balances(stack)


def test_agent_that_starts_late_delivers_workers_that_are_dead_already():
    with Stack() as stack:
        host = stack.host("a")
        started = [host.start_worker(operation="early", records=5000, seed=i) for i in range(3)]
        assert [w.child.wait(60) for w, _ in started] == [0, 0, 0]
        assert len(host.segment_files()) == 3
        host.start_agent()
        time.sleep(1.5)
        stack.start_aggregator()
        _, ended = oracle_totals(o for _, o in started)
        wait_until(lambda: stack.merged("early") == ended, 30, lambda: (stack.merged("early"), ended))
        wait_until(lambda: not host.segment_files(), 20, host.segment_files)


def test_aggregator_away_for_a_while_costs_nothing():
    with Stack() as stack:
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(operation="steady", records=3000, pace_us=1000)
        worker.child.wait(60)
        stack.start_aggregator()
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("steady") == ended, 30, lambda: (stack.merged("steady"), ended))
        # The history is there as well, in intervals of their own, not in one lump.
        rows = stack.query("steady", "--stat", "count", "--last", "2s")
        assert not rows or rows[0]["count"] < 3000


def test_restarted_aggregator_answers_from_its_archive():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(operation="kept", records=1000)
        worker.child.wait(60)
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("kept") == ended, 20, lambda: stack.merged("kept"))
        stack.aggregator.kill()
        stack.start_aggregator()
        wait_until(lambda: stack.query("kept") is not None, 20, stack.aggregator.output)
        assert stack.merged("kept") == ended
        rows = stack.run("query", "kept", "--archive", stack.data, "--stat", "count", "--json", "--last", "1h")
        assert '"count":1000' in rows.stdout.replace(" ", ""), rows.stdout + rows.stderr
