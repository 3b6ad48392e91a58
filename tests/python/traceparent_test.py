"""W3C trace context: what is accepted, what is ignored, what goes out."""

import asyncio
import os
import re

import pytest
import ringside
from ringside import traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize("header", [
    GOOD, GOOD.encode(), f" {GOOD}\t", f"cc-{TRACE}-{SPAN}-01",
    f"01-{TRACE}-{SPAN}-01-what-is-to-come"])
def test_good_headers(header):
    assert traceparent.parse(header)[:2] == (TRACE, SPAN)


@pytest.mark.parametrize("header", [
    None, "", 7, b"\xff", "00", GOOD.upper(), GOOD + "-more", GOOD + "0", GOOD[:-1],
    f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{SPAN}-0x", GOOD.replace("-", "_"), f"00-{TRACE}-{SPAN}", f"0-{TRACE}-{SPAN}-01",
    GOOD + "\n", f"00-{TRACE[:-1]}g-{SPAN}-01", f"{GOOD},{GOOD}", f"01-{TRACE}-{SPAN}-01x",
    GOOD.replace("4", "\u0664"),
], ids=repr)
def test_bad_headers_are_ignored(header):
    assert traceparent.parse(header) is None
    with ringside.request("work") as request:
        place = traceparent.accept(header)
    assert place.parent_span_id is None and place.trace_id != TRACE
    assert "parent_span_id" not in request.summary["attributes"]


def test_a_request_joins_its_caller_and_names_itself_to_others():
    with ringside.request("work") as request:
        traceparent.accept(GOOD)
        out = traceparent.header()
        assert traceparent.header() == out
    attributes = request.summary["attributes"]
    assert attributes["trace_id"] == TRACE and attributes["parent_span_id"] == SPAN
    assert out == f"00-{TRACE}-{attributes['span_id']}-01"
    assert attributes["span_id"] != SPAN


def test_flags_are_passed_on_as_far_as_they_are_known():
    with ringside.request("work"):
        traceparent.accept(f"00-{TRACE}-{SPAN}-fe")
        assert traceparent.header().endswith("-02")


def test_without_a_caller_a_trace_begins():
    with ringside.request("work") as first:
        out = traceparent.header()
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", out)
    assert first.summary["attributes"]["trace_id"] in out
    with ringside.request("work") as second:
        assert traceparent.header()[3:35] != out[3:35]
    assert second.summary["attributes"].keys() == {"trace_id", "span_id"}


def test_a_request_within_another_is_its_child():
    with ringside.request("outer"):
        outer = traceparent.accept(GOOD)
        with ringside.request("inner"):
            inner = traceparent.parse(traceparent.header())
        assert traceparent.header() == outer.header()
    assert inner.trace_id == TRACE and inner.span_id != outer.span_id


def test_without_a_request_there_is_nothing():
    assert traceparent.accept(GOOD) is None and traceparent.header() is None


def test_tasks_keep_their_traces_apart():
    async def work(number):
        header = f"00-{number:032x}-{SPAN}-01"
        async with ringside.request("work"):
            traceparent.accept(header)
            await asyncio.sleep(0)
            return traceparent.header()[3:35] == f"{number:032x}"

    async def all_of_them():
        return await asyncio.gather(*(work(number) for number in range(1, 50)))

    assert all(asyncio.run(all_of_them()))


def test_a_forked_child_makes_ids_of_its_own():
    read, write = os.pipe()
    if os.fork() == 0:
        with ringside.request("work"):
            os.write(write, traceparent.header().encode())
        os._exit(0)
    os.wait()
    with ringside.request("work"):
        mine = traceparent.header()
    assert os.read(read, 100).decode()[3:35] != mine[3:35]
