"""StatsD from programs that have no probe: the usual Python client, and gunicorn by itself."""

import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest

from conftest import RINGSIDE

try:
    import statsd  # of /usr/bin/python3, not of a virtual environment
except ImportError:
    statsd = None


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
    return value


class Stack:
    """`ringside up` that takes StatsD by UDP and by a UNIX socket."""

    def __init__(self, root):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ringside-statsd-test-", dir="/dev/shm"))
        self.port = free_port(socket.SOCK_DGRAM)
        self.path = str(self.directory / "statsd.sock")
        self.up = subprocess.Popen(
            [RINGSIDE, "up", "--dir", self.directory, "--data", root / "data",
             "--listen", f"ipc://{self.directory}/wire", "--http", "127.0.0.1:0",
             "--statsd", f"127.0.0.1:{self.port}", "--statsd-socket", self.path],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = self.up.stdout.readline().split(", ")[1]

    def rows(self, name, stats):
        result = subprocess.run([RINGSIDE, "query", name, "--stat", stats, "--last", "1h", "--json",
                                 "--server", self.url], capture_output=True, text=True, timeout=30,
                                check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["rows"]

    def ledger(self):
        result = subprocess.run([RINGSIDE, "ledger", "--json", "--server", self.url],
                                capture_output=True, text=True, timeout=30, check=False)
        return json.loads(result.stdout)

    def close(self):
        self.up.terminate()
        self.up.wait(20)
        self.up.stdout.close()
        shutil.rmtree(self.directory)


@pytest.fixture(name="stack")
def ringside_up(tmp_path):
    stack = Stack(tmp_path)
    yield stack
    stack.close()


@pytest.mark.skipif(statsd is None, reason="python3-statsd is not installed")
def test_the_usual_client(stack):
    client = statsd.StatsClient("127.0.0.1", stack.port, prefix="shop")
    for _ in range(100):
        client.timing("checkout", 250)
        client.incr("orders", 2)
    with client.pipeline() as pipe:  # many lines in a packet
        pipe.gauge("stock", 10)
        pipe.gauge("stock", -3, delta=True)
        pipe.set("customers", "ann")
        pipe.set("customers", "bob")
    (row,) = wait_for(lambda: (r := stack.rows("shop.checkout", "count,p50")) and r[0]["count"] == 100 and r)
    assert row["kind"] == "duration" and row["p50"] == pytest.approx(0.25, rel=0.006)
    assert wait_for(lambda: stack.rows("shop.orders", "sum"))[0]["sum"] == 200
    assert wait_for(lambda: stack.rows("shop.stock", "last"))[0]["last"] == 7
    assert stack.rows("shop.customers", "max")[0]["max"] == 2
    wait_for(lambda: stack.ledger()["balanced"])


def test_unix_datagrams_with_tags_and_nonsense(stack):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(stack.path)
        client.send(b"latency:5:7|ms|#model:base\nnonsense\n\xff\xfe|\n")
    (row,) = wait_for(lambda: stack.rows("latency", "count"))
    assert row["count"] == 2 and row["labels"] == {"model": "base"}
    assert wait_for(lambda: stack.rows("statsd.malformed", "sum"))[0]["sum"] == 2


@pytest.mark.skipif(shutil.which("gunicorn") is None, reason="gunicorn is not installed")
def test_gunicorn_by_itself(stack, tmp_path):
    (tmp_path / "hello.py").write_text(
        "def app(environ, start):\n    start('200 OK', [])\n    return [b'hello']\n")
    port = free_port(socket.SOCK_STREAM)
    server = subprocess.Popen(
        ["gunicorn", "--chdir", tmp_path, "--bind", f"127.0.0.1:{port}", "--statsd-host",
         f"127.0.0.1:{stack.port}", "hello:app"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def get():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read() == b"hello"  # a client that goes before is not counted
        except OSError:
            return False
    try:
        wait_for(get)
        for _ in range(9):
            assert get()

        def counted():
            durations, requests = stack.rows("gunicorn.request.duration", "count"), stack.rows("gunicorn.requests", "sum")
            # What was asked while it started may have been answered later: more than ten, perhaps.
            return (durations and requests and durations[0]["count"] >= 10
                    and durations[0]["count"] == requests[0]["sum"] and durations)
        (row,) = wait_for(counted)
        assert row["kind"] == "duration"
    finally:
        server.terminate()
        server.wait(20)


def test_addresses_that_are_none_are_refused(cli):
    for address in ("0.0.0.0:8125", "nowhere", "127.0.0.1:99999"):
        result = cli.run("agent", "--dir", "/dev/shm", "--state", cli.root / "state", "--statsd", address)
        assert result.returncode == 1
        assert f"--statsd {address}: " in result.stderr
