"""Two aggregators for one fleet: each gets everything, once, whichever of them is killed.

2 seeds; RINGSIDE_LONG: 25.
"""

import os
import random
import time

import pytest
from stack import Stack, assert_ledger_balances, oracle_totals, wait_until

SEEDS = range(25 if os.environ.get("RINGSIDE_LONG") else 2)


def start_agent(host, second):
    host.start_agent("--aggregator", second.endpoint, "--metrics", "off")


@pytest.mark.parametrize("seed", SEEDS)
def test_both_have_every_sample_once_whoever_is_killed(seed):
    chance = random.Random(seed)
    with Stack() as first, Stack() as second:
        first.start_aggregator()
        second.start_aggregator()
        host = first.host("a")
        start_agent(host, second)
        started = [host.start_worker(records=10**9, pace_us=20, threads=2, seed=i) for i in range(2)]
        # One after the other: a kill at a time of any of them, the rest goes on.
        for victim in chance.sample(["first", "second", "agent", "worker", "second", "first"], 6):
            time.sleep(chance.uniform(0.2, 0.6))
            if victim == "agent":
                host.agent.kill()
                start_agent(host, second)
            elif victim == "worker":
                started[0][0].kill()
                started.append(host.start_worker(records=10**9, pace_us=20, threads=2, seed=9))
            else:
                stack = first if victim == "first" else second
                stack.aggregator.kill()
                time.sleep(chance.uniform(0, 1.5))
                stack.start_aggregator()
        for process, _ in started:
            process.kill()
        begun, ended = oracle_totals(oracle for _, oracle in started)
        wait_until(lambda: not host.segment_files(), 30, host.segment_files)

        def is_exact(merged):
            return ended[0] <= merged[0] <= begun[0] and ended[1] <= merged[1] <= begun[1]

        for stack in (first, second):
            wait_until(lambda s=stack: is_exact(s.merged("work")), 30,
                       lambda s=stack: (seed, ended, s.merged("work"), begun))
            assert not any(assert_ledger_balances(stack)["lost"].values()), seed
        assert first.merged("work") == second.merged("work")


def test_one_that_is_away_costs_the_other_nothing_and_gets_all_when_it_is_back():
    with Stack() as first, Stack() as second:
        first.start_aggregator()
        host = first.host("a")
        start_agent(host, second)
        worker, oracle = host.start_worker(records=1000)
        worker.child.wait(30)
        exact = oracle_totals([oracle])[1]
        wait_until(lambda: first.merged("work") == exact, 20, lambda: first.merged("work"))
        assert first.merged("work") == exact
        # A restart must not let go of what only the other one lacks.
        host.agent.kill()
        start_agent(host, second)
        second.start_aggregator()
        wait_until(lambda: second.merged("work") == exact, 20, lambda: second.merged("work"))
        for stack in (first, second):
            assert_ledger_balances(stack)
        assert first.merged("work") == exact
