"""For people: the console, logging, and captures in tests of one's own."""

import io
import logging
import os
import re
import subprocess
import sys
import threading

import pytest
import ringside
from ringside import _console, _logs
from ringside.testing import capture

ESCAPE = "\033["


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture(name="printed")
def console():
    """Starts a console; what it printed so far."""
    started = []

    def start(stream):
        started.append(_console.start(stream))
        return stream.getvalue

    yield start
    for one in started:
        _console.stop(one)


def work(fails=False):
    with ringside.request("transcribe", file="a.wav", size_bytes=102400) as request:
        request.record("model_loading", seconds=0.31)
        failure = {"ok": False, "error_type": "timeout"} if fails else {}
        request.record("transcription", seconds=1.5, **failure)
        if fails:
            request.fail("empty_result", "no text")
    return request


def test_console_prints_start_stages_and_summary(printed):
    text = printed(io.StringIO())
    request = work()
    lines = text().splitlines()
    head = f"transcribe {request.id[:8]}"
    assert lines[0] == f"{head}  started  file=a.wav  size=100.0 KiB"
    assert re.fullmatch(rf"{head}    model_loading +310\.0 ms  ok", lines[1])
    assert re.fullmatch(rf"{head}    transcription +1\.500 s  ok", lines[2])
    assert re.fullmatch(rf"{head}  ok  total \S+ [mu]?s  file=a\.wav  size=100\.0 KiB", lines[3])
    rows = lines[4:]
    assert [row.split()[0] for row in rows] == ["model_loading", "transcription", "(untimed)"]
    assert all(re.search(r"\d+\.\d %", row) for row in rows)
    # Aligned: units end in the same column of all rows.
    assert len({row.index(" %") for row in rows}) == 1
    assert ESCAPE not in text()


def test_console_says_what_failed(printed):
    text = printed(io.StringIO())
    work(fails=True)
    assert "error empty_result: no text  total" in text()
    assert re.search(r"transcription .* error timeout\n", text())
    with ringside.request("left") as request:
        request.stage("open")  # forgotten
    assert re.search(r"open .* aborted\n", text())


def test_console_has_colours_on_a_terminal_only(printed, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = printed(Terminal())
    work()
    assert ESCAPE in coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = printed(Terminal())
    work()
    assert ESCAPE not in plain() and "transcribe" in plain()


def test_a_stream_that_refuses_harms_nobody(printed, monkeypatch):
    complaints = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    stream = io.StringIO()
    printed(stream)
    stream.close()
    assert work().summary["success"] and complaints == []


@pytest.mark.parametrize("environment, code", [
    ({"RINGSIDE_CONSOLE": "1"}, ""), ({}, "ringside.configure(console=True)\n")])
def test_console_by_configuration(environment, code):
    code = f"import ringside\n{code}with ringside.request('work') as r, r.stage('step'): pass\n"
    result = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment},
                            capture_output=True, text=True, check=True)
    assert "started" in result.stderr and "step" in result.stderr and "(untimed)" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("seconds, words", [
    (1.25, "1.250 s"), (75.5, "75.500 s"), (0.31, "310.0 ms"), (0.001, "1.0 ms"),
    (1.2e-5, "12.0 us"), (0, "0.0 us")])
def test_durations_in_words(seconds, words):
    assert _console.duration_words(seconds) == words


@pytest.mark.parametrize("size, words", [
    (0, "0 B"), (1023, "1023 B"), (102400, "100.0 KiB"), (5 << 30, "5.0 GiB"),
    (3 << 50, "3072.0 TiB")])
def test_sizes_in_words(size, words):
    assert _console.size_words(size) == words


@pytest.fixture(name="logger")
def logger_of_its_own():
    logger = logging.getLogger("shop.orders.worker")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.handlers.clear()


def test_log_records_are_counted_by_level_and_logger(logger):
    logger.addHandler(ringside.LogHandler())
    with capture() as seen:
        logger.info("one")
        logger.info("two")
        logger.error("three %s", "x")
    assert seen.counts == {"log.records": 3}
    counted = [(r.labels["level"], r.labels["logger"], r.value) for r in seen.records]
    assert counted == [("INFO", "shop.orders.worker", 1)] * 2 + [("ERROR", "shop.orders.worker", 1)]


def test_log_handler_takes_a_level_and_a_depth(logger):
    logger.addHandler(ringside.LogHandler(logging.WARNING, depth=2))
    with capture() as seen:
        logger.info("one")
        logger.warning("two")
    assert [r.labels for r in seen.records] == [{"level": "WARNING", "logger": "shop.orders"}]


def test_performance_log_has_a_line_for_each_request(caplog):
    ringside.start_performance_log()
    try:
        with caplog.at_level(logging.INFO, "ringside.performance"):
            request = work()
            work(fails=True)
    finally:
        ringside.stop_performance_log()
    work()
    assert [r.levelname for r in caplog.records] == ["INFO", "WARNING"]
    assert re.fullmatch(
        rf"transcribe {request.id[:8]} ok: model_loading 310\.0 ms, transcription 1\.500 s, total "
        r"\S+ [mu]?s  file=a\.wav  size=100\.0 KiB", caplog.messages[0])
    assert "error empty_result: no text: model_loading" in caplog.messages[1]


def test_performance_log_goes_by_the_loggers_level(caplog):
    _logs.start_performance_log()
    try:
        with caplog.at_level(logging.ERROR, "ringside.performance"):
            work()
    finally:
        _logs.stop_performance_log()
    assert caplog.records == []


def test_capture_collects_requests_records_and_counts():
    with capture() as seen:
        ringside.count("hits", 2, model="a")
        ringside.count("hits", model="b")
        ringside.gauge("depth", 7)
        ringside.value("chars", 2000, unit="{char}")
        ringside.record("resize", ms=245, ok=False, error_type="timeout")
        ringside.event("open", peer="db")
        with ringside.timer("inference", model="x"):
            pass
        request = work()
    ringside.count("hits")
    assert seen.counts == {"hits": 3} and seen.requests == [request.summary]
    assert [r.kind for r in seen.records] == [
        "count", "count", "gauge", "value", "operation", "event", "operation"]
    resize = seen.named("resize")[0]
    assert (resize.value, resize.unit, resize.error_type) == (0.245, "s", "timeout")
    assert seen.named("chars")[0].unit == "{char}" and seen.named("depth")[0].value == 7
    assert seen.named("open")[0].attributes == {"peer": "db"}
    assert seen.named("inference")[0].labels == {"model": "x"}
    assert seen.named("inference")[0].error_type == ""


def test_captures_may_be_nested():
    with capture() as outer:
        ringside.count("one")
        with capture() as inner:
            ringside.count("two")
        ringside.count("three")
    assert inner.counts == {"two": 1} and list(outer.counts) == ["one", "two", "three"]


def test_capture_hears_all_threads():
    def record():
        for _ in range(500):
            ringside.count("hits")
            with ringside.request("work"):
                pass

    with capture() as seen:
        threads = [threading.Thread(target=record) for _ in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert len(seen.requests) <= 2000
        for thread in threads:
            thread.join()
    assert seen.counts == {"hits": 2000} and len(seen.requests) == 2000


def test_a_capture_ends_with_an_exception_too():
    with pytest.raises(KeyError):
        with capture() as seen:
            raise KeyError
    ringside.count("after")
    assert seen.records == []
