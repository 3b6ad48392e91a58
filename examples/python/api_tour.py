"""The Python API in one page; docs/python.md shows its parts, word for word."""

import asyncio
import concurrent.futures
import time

import ringside

ringside.configure(service="whisper-bridge", labels={"env": "prod"}, label_keys=["model", "device"])


# Found once, and then the cheapest way. All its keywords are labels.
RESIZE = ringside.Operation("resize", model="lanczos")
PIXELS = ringside.Value("pixels", unit="{pixel}")


def resize(image):
    with RESIZE:
        PIXELS.record(len(image))
        return image[::2]


def work():
    """Stands for what takes time."""
    time.sleep(0.001)
    return "some text"


def transcribe(path):
    with ringside.request("transcribe", file=path, size_bytes=102400, model="base") as request:
        with request.stage("model_loading"):
            work()
        with request.stage("transcription") as stage:
            text = work()
            stage.value("tokens", 512, unit="{token}")  # a series, and an attribute of the stage
            stage.set(language="en")
        request.record("upload", seconds=1.5)  # a stage that was measured elsewhere
        request.set(photo_id=123)  # attributes that are known late
        if not text:
            request.fail("empty_result", "no text")  # a failure without an exception
    return request.summary


def without_with():
    request = ringside.request("chat", id="chat-4711")
    request.end(ok=False)


@ringside.timed("post_processing")
def post_process(text):
    return text.strip()


@ringside.timed("fetch")
async def fetch():
    await asyncio.sleep(0)


def bare_operations():
    with ringside.timer("ai_inference", model="x"):
        work()
    ringside.record("image_processing", ms=245, ok=False, error_type="timeout")
    ringside.count("cache_hits")
    ringside.gauge("queue_depth", 7)
    ringside.value("prompt_chars", 2000, unit="{char}")
    ringside.event("circuit_open", peer="db")


async def answer(number):
    async with ringside.request("answer", number=number) as request:
        with request.stage("fetch"):
            await fetch()
        assert ringside.current_request() is request  # each task has its own


def pages(path):
    with ringside.request("book", file=path), concurrent.futures.ThreadPoolExecutor() as pool:
        # A thread of a pool knows the request when it is handed over.
        return list(pool.map(ringside.bind(read_page), range(3)))


def read_page(number):
    with ringside.current_request().stage("read_page") as stage:
        stage.set(page=number)
        return work()


async def answer_all():
    await asyncio.gather(*(answer(number) for number in range(3)))


if __name__ == "__main__":
    print(transcribe("a.wav"))
    without_with()
    post_process(" text ")
    bare_operations()
    resize(bytes(1 << 10))
    asyncio.run(answer_all())
    pages("book.pdf")
