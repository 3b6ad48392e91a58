"""Uses the whole of the package's core once; prints each request's summary, one JSON a line."""

import asyncio
import json
import sys

import ringside


def show(request):
    print(json.dumps(request.summary), flush=True)


def requests():
    with ringside.request("transcribe", id=None, file="a.wav", size_bytes=102400, model="base",
                          ratio=0.5, is_retry=True, nothing=None) as request:
        with request.stage("model_loading", device="cuda:0"):
            pass
        with request.stage("transcription") as stage:
            stage.value("tokens", 512, unit="tokens")
            stage.value("score", -0.25)
            stage.set(language="en", odd="a\x01b")
        with request.stage("transcription"):
            with request.stage("inner"):
                pass
        request.record("upload", seconds=1.5, bucket="b1")
        request.record("check", ms=3, ok=False, error_type="mismatch", message="not the same")
        request.value("words", 3, unit="{word}")
        request.set(photo_id=123, big=1 << 70, text="ü" * 3000)
    show(request)


def failures():
    request = ringside.request("chat", id="chat-17", labels={"tier": "gold"})
    request.end(ok=False)
    request.end()
    show(request)
    try:
        with ringside.request("chat", tier="gold") as failing:
            with failing.stage("answer"):
                raise ValueError("no answer")
    except ValueError as error:
        assert str(error) == "no answer"
    show(failing)
    with ringside.request("chat") as refused:
        refused.fail("empty_result", "no text")
        refused.fail("second", "does not stand")
    show(refused)
    with ringside.request("chat") as unfinished:
        stage = unfinished.stage("endless")
        unfinished.end()
        show(unfinished)
        stage.end()


def operations():
    with ringside.timer("ai_inference", job_id="j1", model="x") as single:
        pass
    show(single)
    for _ in range(3):
        with ringside.timer("ai_inference", model="x"):
            pass
    decode = ringside.Operation("decode", model="x", codec="h264")
    for _ in range(4):
        with decode:
            with decode:
                pass
    decode.record(seconds=0.25)
    try:
        with decode:
            raise KeyError("frame")
    except KeyError:
        pass
    ringside.record("image_processing", ms=245, ok=False, error_type="timeout")
    ringside.record("image_processing", seconds=0.5)
    ringside.record("image_processing", seconds=2, photo_id=7)


def numbers():
    ringside.count("cache_hits")
    ringside.count("cache_hits", 41, labels={"tier": "l2"})
    ringside.Counter("cache_hits").add()
    ringside.gauge("queue_depth", 9)
    ringside.gauge("queue_depth", 7)
    ringside.gauge("balance", -2.5, signed=True)
    ringside.value("prompt_chars", 2000, unit="chars")
    chars = ringside.Value("prompt_chars", unit="chars")
    for number in (1, 2.5, True):
        chars.record(number)
    ringside.event("circuit_open", peer="db")


@ringside.timed("post_processing")
def function(number):
    return number + 1


class Service:
    @ringside.timed
    def method(self):
        return function(1)

    @ringside.timed("static")
    @staticmethod
    def static():
        return 5


@ringside.timed("coroutine")
async def coroutine():
    async with ringside.request("awaited") as request:
        async with request.stage("waiting"):
            await asyncio.sleep(0.01)
    return request


@ringside.timed("generator")
def generator(count):
    for i in range(count):
        received = yield i
        assert received is None
    return "done"


@ringside.timed("async_generator")
async def async_generator(count):
    for i in range(count):
        yield i


async def decorated():
    assert function(1) == 2
    assert Service().method() == 2 and Service.static() == 5
    show(await coroutine())
    assert list(generator(3)) == [0, 1, 2]
    for _ in generator(3):
        break
    assert [i async for i in async_generator(3)] == [0, 1, 2]


def main():
    assert ringside.configure(service="whisper-bridge", labels={"env": "prod"})
    requests()
    failures()
    operations()
    numbers()
    asyncio.run(decorated())
    assert ringside.health()["lost_no_segment"] == 0
    assert not ringside.configure(service="too late")
    print(json.dumps({"segment": ringside.segment_path()}))


if __name__ == "__main__":
    sys.exit(main())
