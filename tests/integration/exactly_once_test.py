"""No sample is lost and none counts twice, whatever is killed. The oracle is written by the workers."""

import time

from stack import Stack, assert_ledger_balances, oracle_totals, wait_until


def utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


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
        started = []
        for seed in range(2):
            worker, oracle = host.start_worker(operation="steady", records=3000, pace_us=1000, seed=seed)
            started.append(oracle)
            assert worker.child.wait(200) == 0
            wait_until(lambda: not host.segment_files(), 60, host.agent.output)
            if seed == 0:
                between = time.time()
                time.sleep(3)
        stack.start_aggregator()
        _, ended = oracle_totals(started)
        wait_until(lambda: stack.merged("steady") == ended, 30, lambda: (stack.merged("steady"), ended))
        # The history is there as well, in intervals of their own, not in one lump: those of the first worker had ended
        # when its segment went, those of the second ended three seconds later.
        rows = stack.query("steady", "--stat", "count", "--from", utc(between - 600), "--to", utc(between + 2))
        assert [row["count"] for row in rows] == [3000]


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


def test_a_lost_baseline_is_a_gap_that_the_ledger_names():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=10**9, pace_us=1000)
        wait_until(lambda: stack.merged("work")[0] > 0, 20, lambda: stack.merged("work"))
        host.agent.kill()
        merged, _ = stack.merged("work")
        recorded = oracle_totals([oracle])[1][0]
        wait_until(lambda: oracle_totals([oracle])[1][0] > recorded + 100, 60, lambda: oracle_totals([oracle]))
        for baseline in (host.segments / ".agent").glob("*.base"):
            baseline.unlink()
        host.start_agent()
        wait_until(lambda: stack.ledger()["lost"]["baseline"] > 0, 20, stack.ledger)
        worker.kill()
        begun, ended = oracle_totals([oracle])
        # The killed thread may have been inside Record.
        wait_until(lambda: ended[0] <= stack.merged("work")[0] + stack.ledger()["lost"]["baseline"] <= begun[0], 40,
                   lambda: (ended, stack.merged("work"), stack.ledger(), begun))
        assert_ledger_balances(stack)
        # What the first agent had committed may have come after it was killed.
        assert stack.merged("work")[0] >= merged


def test_of_two_agents_one_drains_and_the_other_takes_over():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        wait_until(lambda: "ringside agent:" in host.agent.output(), 20, host.agent.output)
        state = host.state
        host.state = stack.root / "agent-second"
        first, first_pid = host.agent, host.agent.child.pid
        host.start_agent()
        second = host.agent
        wait_until(lambda: f"standing by: the agent with pid {first_pid}" in second.output(), 20, second.output)
        started = [host.start_worker(records=3000, pace_us=1000, seed=i) for i in range(3)]
        wait_until(lambda: stack.merged("work")[0] > 0, 20, lambda: stack.merged("work"))
        first.kill()
        # What it had committed and not sent is in its own spool: it is sent although the second drains now.
        host.state = state
        wait_until(lambda: "new epoch" in second.output(), 20, second.output)
        host.start_agent()
        assert [w.child.wait(200) for w, _ in started] == [0] * 3
        _, ended = oracle_totals(o for _, o in started)
        wait_until(lambda: stack.merged("work") == ended, 30, lambda: (stack.merged("work"), ended))
        assert not any(assert_ledger_balances(stack)["lost"].values())
        wait_until(lambda: "standing by" in host.agent.output(), 60, host.agent.output)
        second.kill()
