"""`ringside up`: agent and aggregator in one process, from start to an orderly stop."""

import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest


class Up:
    """One `ringside up` on directories of its own and a free port."""

    def __init__(self, cli, root):
        self.cli = cli
        self.data = root / "data"
        self.segments = pathlib.Path(tempfile.mkdtemp(prefix="ringside-cli-", dir="/dev/shm"))
        self.process = None

    def arguments(self):
        return ["up", "--dir", self.segments, "--data", self.data, "--listen",
                f"ipc://{self.cli.root}/wire.sock", "--http", "127.0.0.1:0"]

    def start(self):
        self.process = self.cli.start(*self.arguments())
        line = self.process.stdout.readline()
        assert "http://127.0.0.1:" in line, (line, self.process.stderr.read() if not line else "")
        self.url = "http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split()[0].rstrip(",/")

    def work(self, worker, requests, failed=0):
        subprocess.run([worker, str(requests), str(failed)], check=True,
                       env={**self.cli.environment, "RINGSIDE_DIR": str(self.segments)})

    def count(self):
        result = self.cli.run("query", "transcribe", "--server", self.url, "--stat", "count", "--json",
                              "--last", "1h")
        assert result.returncode == 0, result.stderr
        return sum(row["count"] for row in json.loads(result.stdout)["rows"])

    def wait_for(self, count):
        deadline = time.monotonic() + 60
        while self.count() != count:
            assert time.monotonic() < deadline, self.count()
            time.sleep(0.05)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture(name="up")
def running_up(cli, tmp_path):
    up = Up(cli, tmp_path)
    up.start()
    yield up
    if up.process.poll() is None:
        up.process.kill()
        up.process.wait()
    shutil.rmtree(up.segments, ignore_errors=True)


def test_it_answers_while_workers_come_and_go(up, worker):
    up.work(worker, 30, 3)
    up.wait_for(30)
    up.work(worker, 12)
    up.wait_for(42)
    report = up.cli.run("report", "--server", up.url)
    assert "42 requests, 39 successful, 3 failed" in report.stdout
    table = up.cli.run("query", "transcribe", "--server", up.url, "--by", "model").stdout
    assert table.splitlines()[0].split()[:3] == ["operation", "model", "count"]
    assert table.splitlines()[1].split()[:3] == ["transcribe", "base", "42"]
    ledger = up.cli.run("ledger", "--server", up.url, "--json")
    assert ledger.returncode == 0 and json.loads(ledger.stdout)["balanced"] is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_orderly_stop_takes_along_what_was_just_recorded(up, worker, number):
    up.work(worker, 30)
    assert up.stop(number) == 0
    result = up.cli.run("query", "transcribe", "--archive", up.data, "--stat", "count", "--json", "--last", "1h")
    assert [row["count"] for row in json.loads(result.stdout)["rows"]] == [30]
    assert not (up.data / "running").exists()


def test_it_goes_on_where_it_stopped(up, worker):
    up.work(worker, 30)
    up.wait_for(30)
    assert up.stop() == 0
    up.work(worker, 5)  # nobody listens: the segment waits
    up.start()
    up.wait_for(35)


def test_a_second_one_is_told_who_runs(up):
    second = up.cli.run(*up.arguments())
    assert second.returncode == 1
    for words in ("already running", str(up.process.pid), up.url):
        assert words in second.stderr


def test_a_killed_one_does_not_block_the_next(up):
    up.process.kill()
    up.process.wait()
    up.start()
    assert up.count() == 0
