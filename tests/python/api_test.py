"""The package's core as a specification: what a worker records is what the aggregator has."""

import json
import os
import subprocess
import sys

import pytest
from server import HERE, ServedStack
from stack import assert_ledger_balances, wait_until

# Read twice, once by the process and once by the agent; or the one key that only a summary has.
OF_THE_MOMENT = ("timestamp", "start_unix_ns", "host", "bottlenecks")


class Recorded:
    """What api_worker.py printed, and the stack that has it all."""

    def __init__(self, stack, lines):
        self.stack = stack
        self.summaries = [line for line in lines if line.get("type") == "request"]

    def archived(self):
        """The archive's request lines by id."""
        lines = (json.loads(line) for path in sorted((self.stack.data / "archive").glob("2*.jsonl"))
                 for line in path.read_text(encoding="utf-8").splitlines())
        return {line["request_id"]: line for line in lines if line["type"] == "request"}

    def rows(self, name, *arguments, by="outcome"):
        """{labels in the order of `by`, without empty ones: row} of a query over all time."""
        rows = self.stack.query(name, "--last", "24h", "--by", by, *arguments)
        return {tuple(row["labels"].get(key, "") for key in by.split(",")): row for row in rows}

    def count(self, name, **labels):
        by = ",".join(labels) or "outcome"
        rows = self.rows(name, "--stat", "count", by=by)
        if labels:
            return rows[tuple(labels.values())]["count"]
        return sum(row["count"] for row in rows.values())


@pytest.fixture(name="recorded", scope="module")
def recorded_by_a_worker():
    with ServedStack() as stack:
        result = subprocess.run(
            [sys.executable, HERE / "api_worker.py"], capture_output=True, text=True, check=False,
            env={**os.environ, "RINGSIDE_DIR": str(stack.hosts[0].segments)})
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        recorded = Recorded(stack, [json.loads(line) for line in result.stdout.splitlines()])
        stack.wait_for_no_segments()
        wait_until(lambda: stack.merged("async_generator")[0], 20, "the last operation")
        yield recorded


def test_summaries_are_the_lines_of_the_archive(recorded):
    archived = recorded.archived()
    assert len(recorded.summaries) == 7
    for summary in recorded.summaries:
        line = archived[summary["request_id"]]
        assert abs(line["start_unix_ns"] - summary["start_unix_ns"]) < 30_000_000_000
        for key in OF_THE_MOMENT:
            line.pop(key, None)
            summary.pop(key)
        assert summary == line


def test_a_request_has_what_was_said_of_it(recorded):
    request = recorded.archived()[recorded.summaries[0]["request_id"]]
    assert request["operation"] == "transcribe" and request["service"] == "whisper-bridge"
    assert request["labels"] == {"model": "base"}
    assert request["attributes"] == {
        "file": "a.wav", "size_bytes": 102400, "model": "base", "ratio": 0.5, "is_retry": True,
        "words": 3, "photo_id": 123, "big": str(1 << 70), "text": "ü" * 1024}
    steps = request["steps"]
    assert [step["name"] for step in steps] == ["model_loading", "transcription", "transcription",
                                                "inner", "upload", "check"]
    assert steps[0]["labels"] == {"device": "cuda:0", "model": "base"}
    assert steps[1]["attributes"] == {"tokens": 512, "score": -0.25, "language": "en",
                                      "odd": "a\ufffdb"}
    assert steps[4]["duration_ns"] == 1_500_000_000 and steps[4]["attributes"] == {"bucket": "b1"}
    assert steps[5]["error"] == {"type": "mismatch", "message": "not the same"}
    assert steps[5]["duration_ns"] == 3_000_000
    assert request["success"] and request["error"] is None


def test_failures_are_told_as_they_were(recorded):
    failed, raised, refused, unfinished = recorded.summaries[1:5]
    archived = recorded.archived()
    assert failed["request_id"] == "chat-17"
    assert archived["chat-17"]["error"] == {"type": "", "message": ""}
    assert archived["chat-17"]["labels"] == {"tier": "gold"}
    raised = archived[raised["request_id"]]
    assert raised["error"] == {"type": "ValueError", "message": "no answer"}
    assert raised["steps"][0]["error"] == {"type": "ValueError", "message": "no answer"}
    assert archived[refused["request_id"]]["error"] == {
        "type": "empty_result", "message": "no text"}
    assert [s["outcome"] for s in archived[unfinished["request_id"]]["steps"]] == ["aborted"]
    rows = recorded.rows("chat", "--stat", "count", by="outcome,error_type")
    assert {key: row["count"] for key, row in rows.items()} == {
        ("error", ""): 1, ("error", "ValueError"): 1, ("error", "empty_result"): 1, ("ok", ""): 1}


def test_stages_and_their_values_are_series_with_labels(recorded):
    assert recorded.count("transcribe", model="base") == 1
    assert recorded.count("transcribe/transcription", model="base") == 2
    assert recorded.count("transcribe/model_loading", device="cuda:0") == 1
    upload, = recorded.rows("transcribe/upload", "--stat", "count,sum").values()
    assert (upload["count"], upload["sum"]) == (1, 1.5)
    tokens, = recorded.rows("transcribe/transcription/tokens", "--stat", "count,sum",
                            by="model").values()
    assert (tokens["labels"], tokens["count"], tokens["sum"]) == ({"model": "base"}, 1, 512)
    assert recorded.count("transcribe/words") == 1
    assert recorded.count("transcribe/check", error_type="mismatch") == 1


def test_timers_with_attributes_are_requests_of_one_step(recorded):
    single = recorded.archived()[recorded.summaries[5]["request_id"]]
    assert single["attributes"] == {"job_id": "j1", "model": "x"}
    assert [step["name"] for step in single["steps"]] == ["ai_inference"]
    assert single["bottleneck"] == "ai_inference"
    assert single["breakdown_percent"] == {"ai_inference": 100.0, "(untimed)": 0.0}
    # Itself, and three bare ones, each once.
    assert recorded.count("ai_inference", model="x") == 4


def test_operations_are_counted_exactly(recorded):
    rows = recorded.rows("decode", "--stat", "count", by="outcome,error_type,model,codec")
    assert {key: row["count"] for key, row in rows.items()} == {
        ("ok", "", "x", "h264"): 9, ("error", "KeyError", "x", "h264"): 1}
    rows = recorded.rows("image_processing", "--stat", "count,sum", by="outcome,error_type")
    assert {key: (row["count"], row["sum"]) for key, row in rows.items()} == {
        ("error", "timeout"): (1, 0.245), ("ok", ""): (2, 2.5)}
    by_photo = [line for line in recorded.archived().values()
                if line["attributes"] == {"photo_id": 7}]
    assert [line["duration_ns"] for line in by_photo] == [2_000_000_000]


def test_numbers_are_summed_exactly(recorded):
    assert sum(row["sum"] for row in recorded.rows("cache_hits", "--stat", "sum").values()) == 43
    assert recorded.rows("cache_hits", "--stat", "sum", by="tier")[("l2",)]["sum"] == 41
    depth, = recorded.rows("queue_depth", "--stat", "last").values()
    assert depth["last"] == 7
    balance, = recorded.rows("balance", "--stat", "last").values()
    assert balance["last"] == -2.5
    chars, = recorded.rows("prompt_chars", "--stat", "count,sum").values()
    assert (chars["count"], chars["sum"]) == (4, 2004.5)


def test_an_event_is_archived_with_its_attributes(recorded):
    events = [line for line in recorded.archived().values() if line["operation"] == "circuit_open"]
    assert [event["attributes"] for event in events] == [{"peer": "db"}]
    assert events[0]["duration_ns"] == 0
    assert recorded.count("circuit_open") == 1


@pytest.mark.parametrize(("name", "count"), [
    ("post_processing", 2), ("Service.method", 1), ("static", 1), ("coroutine", 1),
    ("generator", 2), ("async_generator", 1), ("awaited", 1), ("awaited/waiting", 1)])
def test_decorated_functions_count_their_calls(recorded, name, count):
    rows = recorded.rows(name, "--stat", "count")
    assert {key: row["count"] for key, row in rows.items()} == {("ok",): count}


def test_configured_labels_and_service_are_on_every_series(recorded):
    assert recorded.count("transcribe", service="whisper-bridge", env="prod") == 1


def test_the_ledger_balances_with_nothing_lost(recorded):
    lost = assert_ledger_balances(recorded.stack)["lost"]
    assert not any(lost.values()), lost
