"""examples/python/flask_app.py under gunicorn, driven by wrk: what wrk completed was merged."""

import os
import pathlib
import re
import subprocess

from server import Gunicorn, ServedStack, wait_until

FOLDER = pathlib.Path(__file__).parents[2] / "examples" / "python"
SECONDS = 20 if os.environ.get("RINGSIDE_LONG") else 2
CONNECTIONS = 4


def wrk(server, path):
    """How many requests wrk saw completed."""
    result = subprocess.run(
        ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "--timeout", "60s",
         f"http://127.0.0.1:{server.port}{path}"],
        capture_output=True, text=True, timeout=60 + SECONDS, check=True)
    assert "Non-2xx" not in result.stdout and "Socket errors" not in result.stdout, result.stdout
    return int(re.search(r"(\d+) requests in", result.stdout).group(1))


def test_what_wrk_completed_is_what_was_merged():
    with ServedStack() as stack:
        server = Gunicorn(stack.hosts[0], "flask_app:app", folder=FOLDER)
        completed = wrk(server, "/words/the%20quick%20brown%20the")
        server.stop()
        stack.wait_for_no_segments()
        wait_until(lambda: stack.merged("http/tally")[0] >= completed, 30,
                   lambda: (stack.merged("http/tally"), completed))

        rows = stack.counts("http", "route=/words/<text>", by="route,status,outcome")
        assert len(rows) == 1, rows
        count = sum(rows.values())
        assert 0 < completed <= count <= completed + CONNECTIONS
        assert stack.merged("http/tally")[0] == stack.merged("http/split")[0] == count
        assert stack.counter("texts") == count
        assert stack.query("words", "--stat", "sum")[0]["sum"] == 4 * count


def test_routes_streams_and_errors():
    with ServedStack() as stack:
        server = Gunicorn(stack.hosts[0], "flask_app:app", folder=FOLDER, workers=1)
        assert [server.get("/numbers/1000") for _ in range(3)] == [200] * 3
        assert server.get("/broken") == 500
        assert [server.get(f"/nowhere/{i}") for i in range(20)] == [404] * 20
        server.stop()
        stack.wait_for_no_segments()
        wait_until(lambda: stack.merged("http")[0] >= 25, 60, lambda: stack.merged("http"))

        rows = stack.counts("http", by="route,status,outcome,error_type")
        assert rows.pop(("/numbers/<int:last>", "2xx", "ok")) == 3
        # Flask turns the exception into an answer of its own.
        assert rows.pop(("/broken", "5xx", "error", "http_500")) == 1
        # Twenty paths that nobody serves are one series; one more asked whether gunicorn is there.
        assert rows == {("(unmatched)", "4xx", "ok"): 21}
