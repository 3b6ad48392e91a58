"""`ringside inflight`: what real workers are in the middle of, and what is stuck."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from conftest import RINGSIDE

WORKER = os.environ["RINGSIDE_SHM_WORKER"]
RECORDS, REQUESTS = 1000, 150


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
    return value


class Stack:
    """`ringside up` and workers that wait inside an open request and an open timer."""

    def __init__(self, root, *options):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ringside-inflight-test-", dir="/dev/shm"))
        self.workers = []
        self.up = subprocess.Popen(
            [RINGSIDE, "up", "--dir", self.directory, "--data", root / "data", "--host", "gpu-3",
             "--listen", f"ipc://{self.directory}/wire", "--http", "127.0.0.1:0", *options],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = self.up.stdout.readline().split(", ")[1]

    def worker(self, **environment):
        child = subprocess.Popen(
            [WORKER, str(RECORDS), str(REQUESTS)], text=True, stdout=subprocess.PIPE,
            env={**os.environ, "RINGSIDE_DIR": str(self.directory), "RINGSIDE_SERVICE": "ocr",
                 **environment})
        self.workers.append(child)
        assert child.stdout.readline() == "ready\n"
        return child

    def ask(self, command, *arguments):
        result = subprocess.run([RINGSIDE, command, *map(str, arguments), "--server", self.url],
                                capture_output=True, text=True, timeout=30, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def rows(self, *arguments):
        return json.loads(self.ask("inflight", "--json", *arguments))["rows"]

    def close(self):
        for child in self.workers:
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
        self.up.terminate()
        self.up.wait(20)
        self.up.stdout.close()
        shutil.rmtree(self.directory)


@pytest.fixture(name="stack")
def ringside_up(tmp_path):
    stack = Stack(tmp_path)
    yield stack
    stack.close()


def test_what_each_worker_does_and_what_is_stuck(stack):
    worker = stack.worker()
    rows = wait_for(lambda: len(r := stack.rows()) == 2 and r)
    request = next(row for row in rows if row["kind"] == "request")
    assert (request["operation"], request["stage"]) == ("transcribe", "decode")
    assert (request["host"], request["service"], request["pid"]) == ("gpu-3", "ocr", worker.pid)
    assert len(request["id"]) == 36
    operation = next(row for row in rows if row["kind"] == "operation")
    assert operation["operation"] == "stuck"
    assert operation["tid"] not in (None, worker.pid), "a thread of its own"
    assert request["age"] > 5 or not request["stuck"], "too young"

    # 150 earlier ones took microseconds; of `stuck` nobody knows how long it should take.
    stuck = wait_for(lambda: [row for row in stack.rows() if row["stuck"] and row["evidence"]])
    (row,) = stuck
    assert row["kind"] == "request" and row["compared_with"].startswith("transcribe")
    assert row["age"] > 5 and row["ratio"] > 10 and row["p99"] < 1
    assert "STUCK" in stack.ask("inflight")
    assert row["evidence"].startswith("2 threads: "), "a request is of no thread: those of its process"
    (thread,) = wait_for(lambda: [row["evidence"] for row in stack.rows("stuck") if row["evidence"]])
    assert thread.startswith(("in pause", "waits")), "as far as the rights allow it"

    def own_time(part):
        answer = json.loads(stack.ask("query", "agent.sampler.duration", "--stat", "count", "--json",
                                      "--where", f"sampler={part}", "--last", "1m"))
        return answer["rows"] and answer["rows"][0]["count"] > 0
    wait_for(lambda: own_time("inflight") and own_time("evidence"))

    def said():
        answer = json.loads(stack.ask("query", "operation.inflight.stuck", "--stat", "last", "--json",
                                      "--where", "operation=transcribe/decode", "--last", "1m"))
        return answer["rows"] and answer["rows"][0]["last"] == 1
    wait_for(said)


def test_rows_are_chosen_by_name_label_and_limit(stack):
    first, second = stack.worker(), stack.worker(RINGSIDE_SERVICE="asr")
    wait_for(lambda: len(stack.rows()) == 4)
    assert {row["service"] for row in stack.rows("--where", "service=asr")} == {"asr"}
    assert {row["pid"] for row in stack.rows("--where", f"pid!={first.pid}")} == {second.pid}
    assert {row["operation"] for row in stack.rows("decode")} == {"transcribe"}, "by its stage"
    assert len(stack.rows("stuck")) == 2
    ages = [row["age"] for row in stack.rows()]
    assert ages == sorted(ages, reverse=True)
    assert [row["pid"] for row in stack.rows("--limit", 1)] == [first.pid]


def test_a_killed_worker_does_nothing_any_more(stack):
    worker = stack.worker()
    wait_for(lambda: len(stack.rows()) == 2)
    worker.kill()
    worker.wait()
    wait_for(lambda: not stack.rows())
    assert "0 requests and 0 operations in flight" in stack.ask("inflight")

    def crashes():
        return json.loads(stack.ask("query", "producer.crashes", "--stat", "sum", "--json"))["rows"]
    (row,) = wait_for(crashes)
    assert row["sum"] == 1 and row["labels"]["service"] == "ocr"
    assert row["labels"]["exit"] in ("SIGKILL", "unknown")
    report = json.loads(stack.ask("report", "transcribe", "--json"))
    aborted = [r for r in report["requests"] if r["outcome"] == "aborted"]
    assert aborted and aborted[0]["attributes"]["worker.exit"] in ("signal 9 (SIGKILL)", "unknown")


def test_nobody_looks_when_told_so(tmp_path):
    stack = Stack(tmp_path, "--inflight-hz", "0")
    try:
        stack.worker()
        wait_for(lambda: json.loads(stack.ask("query", "transcribe", "--json"))["rows"])
        assert stack.rows() == []
    finally:
        stack.close()


def test_bad_options_are_usage_errors(cli):
    result = cli.run("inflight", "--where", "nothing")
    assert result.returncode == 2 and "--where" in result.stderr
    result = cli.run("inflight", "--limit", "0")
    assert result.returncode == 2 and "--limit" in result.stderr
    result = cli.run("inflight", "--server", "http://127.0.0.1:1")
    assert result.returncode == 1 and "no answer" in result.stderr
