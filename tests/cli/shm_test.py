"""`ringside shm`: a killed worker's segment, read without any agent; and what is no segment."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import pytest

WORKER = os.environ["RINGSIDE_SHM_WORKER"]
RECORDS, REQUESTS = 1000, 5
SAMPLES = 2 * RECORDS + 1 + 2 * REQUESTS + 1  # the last: the open request's first stage, ended


class Workers:
    """Workers of one segment directory; each says "ready" when it waits inside scope and request."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="ringside-shm-test-", dir="/dev/shm"))
        self.children = []

    def start(self, **environment):
        child = subprocess.Popen(
            [WORKER, str(RECORDS), str(REQUESTS)], text=True, stdout=subprocess.PIPE,
            env={**os.environ, "RINGSIDE_DIR": str(self.directory), "RINGSIDE_SERVICE": "ocr",
                 "RINGSIDE_LABELS": "zone=a", **environment})
        self.children.append(child)
        assert child.stdout.readline() == "ready\n"
        return child

    def kill(self, child):
        child.send_signal(signal.SIGKILL)
        child.wait()

    def segment(self):
        (path,) = self.directory.glob("*.seg")
        return path

    def close(self):
        for child in self.children:
            self.kill(child)
            child.stdout.close()
        shutil.rmtree(self.directory)


@pytest.fixture(name="workers")
def worker_processes():
    workers = Workers()
    yield workers
    workers.close()


def answer(result):
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return json.loads(result.stdout)["segments"]


def report(cli, *arguments):
    (segment,) = answer(cli.run("shm", *arguments, "--json"))
    return segment


def series(segment, operation, outcome="ok"):
    (row,) = [r for r in segment["series"]
              if (r["operation"], r["outcome"]) == (operation, outcome)]
    return row


def one_line(result, exit_code=1):
    assert result.returncode == exit_code
    (line,) = result.stderr.splitlines()
    assert line.startswith("ringside: ")
    return line


def test_a_killed_worker_is_read_after_its_death(cli, workers):
    child = workers.start()
    workers.kill(child)
    before = workers.segment().read_bytes()
    segment = report(cli, child.pid, "--dir", workers.directory)

    producer = segment["producer"]
    assert (producer["service"], producer["pid"], producer["state"]) == ("ocr", child.pid, "dead")
    assert producer["labels"] == {"zone": "a"} and producer["probe_version"]
    assert producer["format"] == "1.0" and producer["clock"] in ("counter", "monotonic")

    counters = segment["counters"]
    assert counters["recorded"] == SAMPLES
    assert (counters["requests_started"], counters["requests_ended"]) == (REQUESTS + 1, REQUESTS)
    assert set(counters["lost"].values()) == {0}
    # Nobody drained the ring: what did not fit was dropped, and the statistics hold it all the same.
    ring = 1024
    assert counters["dropped"]["ring_full"] == 2 * RECORDS + 1 - ring

    owned = [lane for lane in segment["lanes"] if lane["state"] == "owned"]
    assert [lane["recorded"] for lane in owned] == [SAMPLES, 0]
    assert (owned[0]["tid"], owned[0]["timing_head"]) == (child.pid, ring)

    (stuck,) = segment["in_flight"]
    assert stuck["operation"] == "stuck" and stuck["tid"] == owned[1]["tid"]
    assert 0 < stuck["age"] < 3600

    (request,) = segment["open_requests"]
    assert (request["operation"], request["stage"]) == ("transcribe", "decode")
    assert [step["state"] for step in request["steps"]] == ["ok", "open"]
    assert request["attributes"]["size_bytes"] == 102400
    assert stuck["age"] <= request["age"] < 3600
    assert segment["damage"] == []
    assert workers.segment().read_bytes() == before, "reading changed the segment"


def test_percentiles_are_within_the_bound_that_is_printed(cli, workers):
    workers.kill(workers.start())
    segment = report(cli, workers.segment())
    bound = segment["error_bound"]
    assert bound == pytest.approx(0.0054, abs=0.0001)
    for operation, unit in (("decode", 1e-6), ("tokens", 1)):
        row = series(segment, operation)
        assert row["count"] == RECORDS
        assert row["sum"] == pytest.approx(RECORDS * (RECORDS + 1) / 2 * unit)
        for name, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            assert row[name] == pytest.approx(q * RECORDS * unit, rel=bound * 1.001)
        assert row["max"] == pytest.approx(RECORDS * unit, rel=1e-9)
    assert series(segment, "bytes")["sum"] == 10 * RECORDS
    assert series(segment, "queue.depth")["last"] == 7
    assert series(segment, "transcribe")["count"] == REQUESTS - 1
    failed = series(segment, "transcribe", "error")
    assert (failed["count"], failed["error_type"]) == (1, "timeout")


def test_the_last_records_are_the_newest_ones(cli, workers):
    workers.kill(workers.start())
    records = report(cli, workers.segment(), "--records", 7)["records"]
    assert [r["record"] for r in records] == ["request"] * REQUESTS + ["timing"] * 2
    assert [r["attributes"]["file"] for r in records[:REQUESTS]] == [
        f"call-{i}" for i in reversed(range(REQUESTS))]
    assert records[REQUESTS - 1]["error_type"] == "timeout"
    # 1024 records were written in turn, of decode and of tokens.
    newest = {r["operation"]: r["value"] for r in records[REQUESTS:]}
    assert newest == {"tokens": 512, "decode": pytest.approx(512e-6)}
    assert report(cli, workers.segment(), "--records", 0)["records"] == []
    assert len(report(cli, workers.segment(), "--records", 9999)["records"]) == 1024 + REQUESTS


def test_a_living_worker_is_alive(cli, workers):
    child = workers.start()
    segment = report(cli, child.pid, "--dir", workers.directory)
    assert segment["producer"]["state"] == "alive"
    assert segment["producer"]["lock_holder"] == child.pid
    assert segment["counters"]["recorded"] == SAMPLES
    child.send_signal(signal.SIGSTOP)
    assert report(cli, child.pid, "--dir", workers.directory)["producer"]["state"] == "alive"


def test_the_text_says_it_all_and_obeys_no_label(cli, workers):
    child = workers.start()
    workers.kill(child)
    text = cli.run("shm", workers.segment()).stdout
    for words in (f"ocr, pid {child.pid}, dead", f"{SAMPLES} recorded", "6 begun, 5 ended",
                  "percentiles ±0.54 %", "stuck", "decode", "transcribe", "size_bytes=102400",
                  "14 of 2048 series", "zone=a", "error (timeout)", "last records", "owned"):
        assert words in text, (words, text)
    assert "\033" not in text and "a\ufffd[31m.wav" in text


def test_without_an_argument_all_segments_are_listed(cli, workers):
    first, second = workers.start(), workers.start()
    workers.kill(first)
    listed = answer(cli.run("shm", "--dir", workers.directory, "--json"))
    assert {(s["producer"]["pid"], s["producer"]["state"]) for s in listed} == {
        (first.pid, "dead"), (second.pid, "alive")}
    assert [s["counters"]["recorded"] for s in listed] == [SAMPLES] * 2
    text = cli.run("shm", env={"RINGSIDE_DIR": str(workers.directory)}).stdout.splitlines()
    assert len(text) == 3 and text[0].startswith("service")


def test_an_empty_directory_has_no_segments(cli, workers):
    assert cli.run("shm", "--dir", workers.directory).stdout.startswith("no segments in /dev/shm/")


def test_a_copy_is_as_good_as_the_segment(cli, workers, tmp_path):
    workers.kill(workers.start())
    shutil.copyfile(workers.segment(), tmp_path / "incident-12")
    segment = report(cli, tmp_path / "incident-12")
    assert segment["producer"]["state"] == "dead"
    assert segment["counters"]["recorded"] == SAMPLES


def test_what_is_no_segment_is_named_in_one_line(cli, workers, tmp_path):
    workers.kill(workers.start())
    good = workers.segment()
    bad = tmp_path / "bad.seg"

    bad.write_bytes(b"x" * 8192)
    assert f"{bad}: is not a segment" in one_line(cli.run("shm", bad))
    bad.write_bytes(b"")
    assert "too small" in one_line(cli.run("shm", bad))
    shutil.copyfile(good, bad)
    with open(bad, "r+b") as file:
        file.truncate(1 << 20)
    assert "the file has 1048576" in one_line(cli.run("shm", bad))
    shutil.copyfile(good, bad)
    with open(bad, "r+b") as file:
        file.seek(8)
        file.write((9).to_bytes(2, "little"))
    assert "segment format 9.0" in one_line(cli.run("shm", bad))
    assert "upgrade" in one_line(cli.run("shm", bad))
    assert "is not a regular file" in one_line(cli.run("shm", tmp_path))
    os.mkfifo(tmp_path / "fifo")
    assert "is not a regular file" in one_line(cli.run("shm", tmp_path / "fifo"))
    assert "No such file" in one_line(cli.run("shm", tmp_path / "none"))
    assert "no segment of process 1 in" in one_line(cli.run("shm", 1, "--dir", workers.directory))
    assert f"{tmp_path}/none" in one_line(cli.run("shm", "--dir", tmp_path / "none"))
    if os.geteuid() != 0:  # nothing is unreadable to root
        bad.chmod(0)
        assert "owner" in one_line(cli.run("shm", bad))


def test_a_bad_file_does_not_hide_the_good_ones(cli, workers):
    child = workers.start()
    (workers.directory / "0b9c2a44-5d1e-4c1a-9f0e-2f6a7c3b8d10.seg").write_bytes(b"x" * 4096)
    result = cli.run("shm", "--dir", workers.directory)
    assert "0b9c2a44" in one_line(result)
    assert f"{child.pid}-" in result.stdout


@pytest.mark.parametrize("arguments,words", [
    (["shm", "1", "2"], "unknown argument 2"),
    (["shm", "--records", "many"], "--records"),
    (["shm", "--records", "-1"], "--records"),
])
def test_usage_errors(cli, arguments, words):
    assert words in one_line(cli.run(*arguments), exit_code=2)
