"""No sample is lost and none counts twice, whatever is killed. The oracle is written by the workers."""

import time

from stack import Stack, assert_ledger_balances, oracle_totals, wait_until


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
