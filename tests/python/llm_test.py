"""What `ringside.llm` and `ringside.llm_stream` read from answers, whole, partial and strange."""

import asyncio
from types import SimpleNamespace

import pytest
import ringside
from ringside import _llm_stream
from ringside.testing import capture

OLLAMA = {
    "model": "llama3.2", "done": True, "done_reason": "stop", "total_duration": 4_000_000_000,
    "load_duration": 1_000_000_000, "prompt_eval_count": 30, "prompt_eval_duration": 500_000_000,
    "eval_count": 100, "eval_duration": 2_000_000_000}
OPENAI = {
    "model": "gpt-x", "choices": [{"finish_reason": "length", "message": {"content": "hi"}}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 50,
              "prompt_tokens_details": {"cached_tokens": 8}}}


def as_object(value):
    """The same as nested objects with attributes, as client libraries return it."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_object(item) for key, item in value.items()})
    return [as_object(item) for item in value] if isinstance(value, list) else value


def recorded(seen):
    return {record.name: record for record in seen.records}


@pytest.mark.parametrize("answer", [OLLAMA, as_object(OLLAMA)], ids=["dict", "object"])
def test_an_answer_of_ollama(answer):
    with capture() as seen, ringside.request("chat") as request:
        told = ringside.llm(answer)
    by_name = recorded(seen)
    assert by_name["llm.total"].value == 4 and by_name["llm.load"].value == 1
    assert by_name["llm.prompt"].value == 0.5 and by_name["llm.generation"].value == 2
    assert by_name["llm.input_tokens"].value == 30 and by_name["llm.output_tokens"].value == 100
    assert by_name["llm.tokens_per_second"].value == 50
    assert by_name["llm.prompt_tokens_per_second"].value == 60
    assert by_name["llm.output_tokens"].unit == "{token}"
    assert by_name["llm.load"].labels == {"model": "llama3.2", "start": "cold"}
    assert all(record.labels["model"] == "llama3.2" for record in by_name.values())
    assert request.summary["attributes"] == told
    assert told["llm.generation_seconds"] == 2 and told["llm.finish_reason"] == "stop"
    assert len(by_name) == 8


@pytest.mark.parametrize("answer", [OPENAI, as_object(OPENAI)], ids=["dict", "object"])
def test_an_answer_of_openais_form(answer):
    with capture() as seen:
        told = ringside.llm(answer, seconds=2.0)
    assert told == {
        "llm.total_seconds": 2, "llm.input_tokens": 12, "llm.output_tokens": 50,
        "llm.cached_tokens": 8, "llm.tokens_per_second": 25, "llm.model": "gpt-x",
        "llm.finish_reason": "length"}
    assert {r.name for r in seen.records} == {
        "llm.total", "llm.input_tokens", "llm.output_tokens", "llm.cached_tokens",
        "llm.tokens_per_second"}


@pytest.mark.parametrize("load_ns, start", [
    (500_000_000, "warm"), (500_000_001, "cold"), (0, "warm")])
def test_a_model_that_took_long_to_load_was_cold(load_ns, start):
    with capture() as seen:
        assert ringside.llm({"load_duration": load_ns})["llm.start"] == start
    assert recorded(seen)["llm.load"].labels == {"start": start}
    assert ringside.llm({"load_duration": load_ns}, cold_above=0)["llm.start"] == (
        "cold" if load_ns else "warm")


def test_figures_go_to_the_stage_that_is_given():
    with ringside.request("chat") as request, request.stage("answer") as stage:
        ringside.llm(OLLAMA, stage, model="mine")
    assert request.summary["attributes"] == {}
    assert request.summary["steps"][0]["attributes"]["llm.model"] == "mine"


class Hostile:
    """Whatever is asked of it goes wrong."""

    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.mark.parametrize("answer", [
    None, 7, "text", [], {}, {"usage": None}, {"usage": 3, "model": 7}, {"model": ""}, Hostile(),
    {"choices": []}, {"choices": {}}, {"eval_count": None, "eval_duration": "2"},
    {"eval_count": True, "load_duration": float("nan"), "total_duration": float("inf")},
    {"eval_count": -1, "eval_duration": -5}, {"eval_count": 10 ** 40},
    {"usage": {"prompt_tokens": [1], "completion_tokens": Hostile()}},
], ids=repr)
def test_what_is_no_answer_records_nothing_and_raises_nothing(answer):
    with capture() as seen, ringside.request("chat") as request:
        assert ringside.llm(answer) == {}
    assert seen.records == [] and request.summary["attributes"] == {}


def test_what_goes_wrong_in_one_field_leaves_the_others():
    class Partly:
        eval_count = 7

        @property
        def model(self):
            raise RuntimeError("not loaded")

    assert ringside.llm(Partly()) == {"llm.output_tokens": 7}


def test_a_request_that_is_none_raises_nothing():
    with capture() as seen:
        ringside.llm(OLLAMA, request=object())
    assert recorded(seen)["llm.total"].value == 4


def test_missing_parts_are_skipped_and_nothing_is_divided_by_zero():
    with capture() as seen:
        told = ringside.llm({"eval_count": 5, "eval_duration": 0, "prompt_eval_count": None})
    assert told == {"llm.generation_seconds": 0, "llm.output_tokens": 5}
    assert {r.name for r in seen.records} == {"llm.generation", "llm.output_tokens"}


def ollama_chunks(pieces=3):
    for _ in range(pieces):
        yield {"model": "llama3.2", "message": {"content": "word "}, "done": False}
    yield {**OLLAMA, "message": {"content": ""}}


def openai_chunks():
    yield {"model": "gpt-x", "choices": [{"delta": {"role": "assistant", "content": ""}}]}
    for _ in range(3):
        yield {"model": "gpt-x", "choices": [{"delta": {"content": "word"}}]}
    yield {"model": "gpt-x", "choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 3}}


async def as_async(chunks):
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def drain(stream, is_async):
    if not is_async:
        return list(stream)

    async def collect():
        return [chunk async for chunk in stream]
    return asyncio.run(collect())


@pytest.mark.parametrize("is_async", [False, True], ids=["for", "async-for"])
@pytest.mark.parametrize("chunks, tokens", [(ollama_chunks, 100), (openai_chunks, 3)])
def test_a_stream_passes_its_chunks_on_and_is_a_stage(chunks, tokens, is_async):
    source = as_async(chunks()) if is_async else chunks()
    with capture() as seen, ringside.request("chat") as request:
        assert drain(ringside.llm_stream(source, model="m"), is_async) == list(chunks())
    step = request.summary["steps"][0]
    assert (step["name"], step["outcome"], step["labels"]) == ("llm.stream", "ok", {"model": "m"})
    by_name = recorded(seen)
    assert by_name["llm.output_tokens"].value == tokens
    first = by_name["llm.time_to_first_token"].value
    each = by_name["llm.time_per_output_token"].value
    assert 0 < first <= step["duration_ms"] / 1e3
    assert 0 <= each * (tokens - 1) <= step["duration_ms"] / 1e3
    assert by_name["llm.time_to_first_token"].labels == {"model": "m"}
    assert step["attributes"]["llm.time_to_first_token_seconds"] == pytest.approx(first, abs=1e-9)


def test_times_are_from_the_call_to_the_first_and_from_there_for_each(monkeypatch):
    # The call at 10; pieces at 11, 11.5, 13; the last chunk bears figures, and no token.
    times = iter([10.0, 11.0, 11.5, 13.0])
    monkeypatch.setattr(_llm_stream, "perf_counter", lambda: next(times))
    told = {"done": True, "eval_count": 5}
    with capture() as seen:
        list(ringside.llm_stream([*({"done": False, "response": "word"} for _ in range(3)), told]))
    by_name = recorded(seen)
    assert by_name["llm.time_to_first_token"].value == 1.0
    assert by_name["llm.time_per_output_token"].value == pytest.approx(0.5)


def test_the_first_token_is_the_first_text_not_the_first_chunk():
    empty = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
    with capture() as seen, ringside.request("chat") as request:
        assert list(ringside.llm_stream([empty, {"choices": []}, {"done": False, "response": ""}]))
    assert [r.name for r in seen.records] == []
    assert request.summary["steps"][0]["outcome"] == "ok"


def test_without_told_tokens_a_piece_is_a_token():
    with capture() as seen:
        assert list(ringside.llm_stream("abc", model="m")) == ["a", "b", "c"]
    names = [r.name for r in seen.records]
    assert "llm.time_per_output_token" in names and "llm.output_tokens" not in names
    assert [(r["operation"], r["outcome"]) for r in seen.requests] == [("llm.stream", "ok")]


@pytest.mark.parametrize("leave", ["break", "close", "with"])
def test_a_stream_left_early_is_aborted(leave):
    closed = []

    def source():
        try:
            yield from ollama_chunks()
        finally:
            closed.append(True)

    with capture() as seen:
        chunks = source()
        stream = ringside.llm_stream(chunks)
        if leave == "with":
            with stream:
                next(stream)
        else:
            for _ in stream:
                break
        if leave == "close":
            stream.close()
        del stream, chunks
    assert closed == [True]
    assert [r["outcome"] for r in seen.requests] == ["aborted"]
    assert [r.name for r in seen.records] == ["llm.time_to_first_token"]


def test_an_async_stream_left_early_is_aborted_and_closed():
    closed = []

    async def source():
        try:
            async for chunk in as_async(ollama_chunks()):
                yield chunk
        finally:
            closed.append(True)

    async def leave():
        async with ringside.llm_stream(source()) as stream:
            async for _ in stream:
                break
        assert closed == [True]  # here, not when the loop is shut down

    with capture() as seen:
        asyncio.run(leave())
    assert closed == [True] and [r["outcome"] for r in seen.requests] == ["aborted"]


def test_a_cancelled_stream_is_aborted():
    async def endless():
        yield "word"
        await asyncio.Event().wait()

    async def consume():
        async for _ in ringside.llm_stream(endless()):
            pass

    async def cancel():
        task = asyncio.create_task(consume())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture() as seen:
        asyncio.run(cancel())
    assert [r["outcome"] for r in seen.requests] == ["aborted"]


@pytest.mark.parametrize("is_async", [False, True], ids=["for", "async-for"])
def test_a_source_that_raises_is_an_error_of_its_type(is_async):
    def source():
        yield "word"
        raise ConnectionError("gone")

    with capture() as seen, pytest.raises(ConnectionError, match="gone"):
        drain(ringside.llm_stream(as_async(source()) if is_async else source()), is_async)
    assert [(r["outcome"], r["error"]["type"]) for r in seen.requests] == [
        ("error", "ConnectionError")]


def test_a_stream_after_its_end_records_nothing_more():
    with capture() as seen:
        stream = ringside.llm_stream(iter("ab"))
        assert list(stream) == ["a", "b"] and list(stream) == []
        stream.close()
        del stream
    assert [r["outcome"] for r in seen.requests] == ["ok"]


def test_what_else_the_source_has_is_reached_through_the_stream():
    source = SimpleNamespace(response="200", __iter__=None)
    stream = ringside.llm_stream(source)
    assert stream.response == "200"
    with pytest.raises(AttributeError):
        _ = stream.nothing
    with pytest.raises(TypeError):
        next(stream)
