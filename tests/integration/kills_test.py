"""Kills at random: workers, agent and aggregator die by SIGKILL while workers record.

25 seeds; RINGSIDE_LONG: 500. RINGSIDE_SHARD="1/3" runs a third of them.
"""

import os
import random
import time

import pytest
from stack import Stack, assert_ledger_balances, oracle_totals, wait_until

SHARD, SHARDS = (int(part) for part in os.environ.get("RINGSIDE_SHARD", "1/1").split("/"))
LONG = bool(os.environ.get("RINGSIDE_LONG"))
SEEDS = range(SHARD - 1, 500 if LONG else 25, SHARDS)
# Of all seeds of a shard in the short form: a busy machine ends it here, with what it has seen so far.
SHORT_FORM_SECONDS = 3000
BEGUN = time.monotonic()


def settled(stack, operation, least):
    """The merged totals once nothing is in flight any more: unchanged for two intervals, and at least
    what must come. A busy machine may hold a commit back for seconds."""
    last = stack.merged(operation)
    same_since = time.monotonic()
    deadline = time.monotonic() + 60
    while (last[0] < least or time.monotonic() - same_since < 2.5) and time.monotonic() < deadline:
        time.sleep(0.2)
        now = stack.merged(operation)
        if now != last:
            last, same_since = now, time.monotonic()
    return last


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_at_random_lose_and_double_nothing(seed):
    """Workers, agent and aggregator are killed with SIGKILL and restarted while workers record."""
    if not LONG and time.monotonic() - BEGUN > SHORT_FORM_SECONDS:
        pytest.fail(f"the seeds from {seed} on: no time left")
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
        count, total = settled(stack, "work", ended[0])
        # A killed thread may have been inside Record: between `ended` and `begun`, by one each.
        assert ended[0] <= count <= begun[0], (seed, ended, (count, total), begun)
        assert ended[1] <= total <= begun[1], (seed, ended, (count, total), begun)
        lost = assert_ledger_balances(stack)["lost"]
        assert not any(lost.values()), (seed, lost)
        assert begun[0] - ended[0] <= 2 * len(started)
