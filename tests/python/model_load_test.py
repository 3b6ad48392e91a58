"""`ringside.model_load`: duration and memory of a load, in a request or as one."""

import asyncio
import os

import pytest
import ringside
from ringside import _memory
from ringside.testing import capture

MIB = 1 << 20


def values(seen):
    return {record.name.rsplit("/", 1)[1]: record.value for record in seen.records}


def test_a_load_is_a_request_with_the_memory_that_it_took():
    with capture() as seen:
        with ringside.model_load("t5-small", version="1", device="cpu", bytes=64 * MIB):
            model = bytearray(64 * MIB)  # zeroed by the kernel, so touched below
            model[::4096] = b"x" * (64 * MIB // 4096)
    request = seen.requests[0]
    assert request["operation"] == "model_load" and request["outcome"] == "ok"
    assert request["labels"] == {"model": "t5-small", "model_version": "1", "device": "cpu"}
    told = values(seen)
    assert set(told) == {"rss_before", "rss_after", "rss_peak", "model_bytes"}
    assert told["model_bytes"] == 64 * MIB
    assert 63 * MIB < told["rss_after"] - told["rss_before"] < 128 * MIB
    assert told["rss_peak"] >= told["rss_after"]
    assert request["attributes"]["rss_after"] == told["rss_after"]
    assert all(record.unit == "By" for record in seen.records)
    del model


def test_within_a_request_it_is_a_stage():
    with ringside.request("transcribe") as request, ringside.model_load("base"):
        pass
    step = request.summary["steps"][0]
    assert step["name"] == "model_load" and step["labels"] == {"model": "base"}
    assert "rss_before" in step["attributes"] and "model_bytes" not in step["attributes"]


def test_a_load_that_fails_is_an_error_and_goes_on():
    with capture() as seen, pytest.raises(MemoryError):
        with ringside.model_load("huge"):
            raise MemoryError("no room")
    assert seen.requests[0]["error"] == {"type": "MemoryError", "message": "no room"}
    with capture() as seen:
        with ringside.model_load("odd") as load:
            load.set(source="disk")
            load.fail("checksum", "wrong")
    assert seen.requests[0]["error"] == {"type": "checksum", "message": "wrong"}
    assert seen.requests[0]["attributes"]["source"] == "disk"


def test_async_with_works_too():
    async def load():
        async with ringside.model_load("base"):
            await asyncio.sleep(0)
    with capture() as seen:
        asyncio.run(load())
    assert [r["operation"] for r in seen.requests] == ["model_load"]


def test_gpu_memory_is_that_of_the_device_where_nvml_is_there(monkeypatch):
    monkeypatch.setattr(_memory, "_NVML", os.environ["RINGSIDE_FAKE_NVML"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with capture() as seen, ringside.model_load("base", device="cuda:1"):
        pass
    told = values(seen)
    assert told["gpu_memory_before"] == told["gpu_memory_after"] == 2 << 30


def test_without_nvml_or_with_half_of_it_gpu_memory_is_left_out(monkeypatch):
    for library in ("libnothing-of-that-name.so", "libc.so.6"):
        monkeypatch.setattr(_memory, "_NVML", library)
        with capture() as seen, ringside.model_load("base", device="cuda"):
            pass
        assert set(values(seen)) == {"rss_before", "rss_after", "rss_peak"}


@pytest.mark.parametrize("device, visible, index", [
    ("cuda", None, 0), ("cuda:3", None, 3), ("GPU:1", None, 1), ("cpu", None, None),
    (None, None, None), ("cuda:x", None, None), ("cuda:1", "2,5", 5), ("cuda:2", "2,5", None),
    ("cuda", "", None),
    ("cuda", "GPU-1f", "GPU-1f"),
])
def test_which_gpu_a_device_name_means(monkeypatch, device, visible, index):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _memory.gpu_index(device) == index
