"""gunicorn: forked, recycled and killed workers lose no request, and leave nothing behind."""

import os

import pytest
from server import Gunicorn, ServedStack, wait_until
from stack import assert_ledger_balances

REQUESTS = 4000 if os.environ.get("RINGSIDE_LONG") else 300


@pytest.mark.parametrize("options", [
    (), ("--preload",), ("--max-requests", "20"), ("--preload", "--max-requests", "20"),
    ("--worker-class", "gthread", "--threads", "4"),
], ids=["plain", "preload", "recycled", "preload-recycled", "threads"])
def test_every_answered_request_is_counted_once(options):
    with ServedStack() as stack:
        server = Gunicorn(stack.hosts[0], "web_app:application", *options)
        answers = server.get_many(["/work"] * REQUESTS)
        for path, status in answers:
            assert (path, status) == ("/work", 200), server.process.output()
        server.stop()

        stack.wait_for_total("http/work", REQUESTS)
        stack.wait_for_total("measured", REQUESTS)
        wait_until(lambda: stack.merged("http")[0] > REQUESTS, 60, lambda: stack.merged("http"))
        rows = stack.counts("http", "route=/work", by="method,route,status,outcome")
        assert rows == {("GET", "/work", "2xx", "ok"): REQUESTS}
        assert stack.query("letters", "--stat", "sum")[0]["sum"] == 5 * REQUESTS
        # Once in the master, or once in each worker, of which the recycled have many.
        imports = stack.counter("imports")
        if "--preload" in options:
            assert imports == 1
        elif "--max-requests" in options:
            assert imports > 2
        else:
            assert imports == 2
        stack.wait_for_no_segments()
        lost = assert_ledger_balances(stack)["lost"]
        assert not any(lost.values()), lost


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["plain", "preload"])
def test_killed_workers_leave_aborted_requests_and_nothing_else(options):
    kills = 6
    with ServedStack() as stack:
        server = Gunicorn(stack.hosts[0], "web_app:application", *options)
        for _ in range(kills):
            assert server.get("/die") is None
            answers = server.get_many(["/work"] * 20 + ["/fail"] * 2, clients=2)
            assert sorted(status for _, status in answers) == [200] * 20 + [500] * 2
        server.stop()

        stack.wait_for_total("http/work", 20 * kills)
        # One more, at least, asked whether gunicorn is there.
        wait_until(lambda: sum(stack.counts("http").values()) > 23 * kills, 60, lambda: stack.counts("http"))
        stack.wait_for_no_segments()
        assert stack.counts("http/last", by="outcome") == {("aborted",): kills}
        by_outcome = stack.counts("http", by="outcome,error_type,status,route")
        assert by_outcome.pop(("aborted",)) == kills
        # The application raised before it said where; gunicorn answered 500 in its place.
        assert by_outcome.pop(("error", "ValueError", "none", "(unmatched)")) == 2 * kills
        assert by_outcome.pop(("ok", "2xx", "/work")) == 20 * kills
        assert set(by_outcome) == {("ok", "4xx", "(unmatched)")}
        lost = assert_ledger_balances(stack)["lost"]
        assert not any(lost.values()), lost


def test_workers_killed_from_outside_lose_at_most_what_was_in_flight():
    with ServedStack() as stack:
        server = Gunicorn(stack.hosts[0], "web_app:application", workers=3)
        answered = 0
        asked = 0
        for _ in range(4):
            victims = _workers_of(server.process.child.pid)
            assert victims
            os.kill(victims[0], 9)
            answers = server.get_many(["/work"] * 50)
            asked += len(answers)
            answered += sum(status == 200 for _, status in answers)
        server.stop()
        stack.wait_for_no_segments()
        wait_until(lambda: stack.merged("http/work")[0] >= answered, 30,
                   lambda: (stack.merged("http/work"), answered))
        assert answered <= stack.merged("http/work")[0] <= asked
        assert answered > 0
        assert_ledger_balances(stack)


def _workers_of(master):
    children = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
                if int(stat.read().rsplit(")", 1)[1].split()[1]) == master:
                    children.add(int(pid))
        except OSError:
            continue
    return sorted(children)
