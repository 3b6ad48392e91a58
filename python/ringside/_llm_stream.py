"""A language model's answer as it comes, piece by piece: `ringside.llm_stream(chunks)`."""

from time import perf_counter
from typing import Any, Generic, Optional, TypeVar

import ringside
from ringside._fields import field, text
from ringside._llm import Answer, llm


Chunk = TypeVar("Chunk")


class llm_stream(Generic[Chunk]):  # noqa: N801: read as a function
    """Passes on the chunks of `chunks`, an iterable or async iterable, and measures when they come.

    A stage `llm.stream` of the request or, where there is none, a request of that name: ok, an
    error (the exception's type) or, where the loop was left early, aborted. Besides
    `llm.time_to_first_token` and `llm.time_per_output_token`, with the label model, and what the
    last chunk tells, as by `ringside.llm`. Time begins with the call. Everything else that `chunks`
    has (`response`, …) is reached through this object. One thread at a time.

    `model`: known before the first chunk comes. `request`: default the one that is current now.
    """

    def __init__(self, chunks: Any, model: Optional[str] = None,
                 request: Optional["ringside.Request"] = None, *, name: str = "llm"):
        self._is_over = False
        self._chunks = chunks
        self._iterator = None
        self._model = text(model)
        self._name = name
        self._first = None
        self._last = None
        self._pieces = 0
        self._last_chunk = None
        request = request if request is not None else ringside.current_request()
        begin = ringside.request if request is None else request.stage
        self._span = begin(f"{name}.stream", labels=_labels(self._model))
        self._started = perf_counter()

    def __iter__(self) -> "llm_stream[Chunk]":
        return self

    def __next__(self) -> Chunk:
        try:
            if self._iterator is None:
                self._iterator = iter(self._chunks)
            chunk = next(self._iterator)
        except BaseException as error:
            self._leave(error)
            raise
        self._arrived(chunk)
        return chunk

    def __aiter__(self) -> "llm_stream[Chunk]":
        return self

    async def __anext__(self) -> Chunk:
        try:
            if self._iterator is None:
                self._iterator = self._chunks.__aiter__()
            chunk = await self._iterator.__anext__()
        except BaseException as error:
            self._leave(error)
            raise
        self._arrived(chunk)
        return chunk

    def close(self):
        """Ends the measurement, as aborted where chunks were still to come, and closes `chunks`."""
        self._end("aborted")
        inner = getattr(self._chunks, "close", None)
        if inner is not None:
            return inner()
        return None

    async def aclose(self):
        """As `close`, for an async iterable."""
        self._end("aborted")
        inner = getattr(self._chunks, "aclose", None) or getattr(self._chunks, "close", None)
        result = inner() if inner is not None else None
        if hasattr(result, "__await__"):
            await result

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *failure):
        await self.aclose()

    def __del__(self):
        # The loop was left by `break`, and nobody holds the stream any more.
        if not getattr(self, "_is_over", True):
            self._end("aborted")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._chunks, name)

    def _arrived(self, chunk):
        self._last_chunk = chunk
        if not has_text(chunk):
            return
        self._last = perf_counter()
        self._pieces += 1
        if self._first is None:
            self._first = self._last

    def _leave(self, error):
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            self._end("ok")
        elif isinstance(error, Exception):
            self._end("error", type(error).__name__)
        else:  # GeneratorExit, a cancelled task, Ctrl-C
            self._end("aborted")

    def _end(self, outcome, error_type=None):
        if self._is_over:
            return
        self._is_over = True
        span, self._span = self._span, None
        last, self._last_chunk = self._last_chunk, None
        try:
            self._record(span, last)
        except Exception:  # measuring must not stop the loop that is measured
            pass
        if outcome == "error":
            span.fail(error_type)
        if outcome != "aborted":  # what is dropped without an end counts as aborted
            span.end()

    def _record(self, span, last):
        told = Answer(last, self._model)
        if told.input_tokens is not None or told.output_tokens is not None:
            llm(last, span, model=self._model, name=self._name)
        if self._first is None:
            return
        timings = {"time_to_first_token": self._first - self._started}
        # Where nobody tells how many tokens there were, a piece is taken for one.
        tokens = told.output_tokens or self._pieces
        if tokens > 1:
            timings["time_per_output_token"] = (self._last - self._first) / (tokens - 1)
        for figure, duration in timings.items():
            name = f"{self._name}.{figure}"
            ringside.record(name, seconds=duration, labels=_labels(told.model))
            span.set(**{f"{name}_seconds": duration})


def _labels(model):
    return {"model": model} if model else {}


def has_text(chunk):
    """False for chunks that are known to carry no piece of the answer: a role, figures, nothing."""
    if isinstance(chunk, (str, bytes)):
        return bool(chunk)
    choices = field(chunk, "choices")
    if isinstance(choices, (list, tuple)):
        return any(_says_something(field(choice, "delta")) or text(field(choice, "text"))
                   for choice in choices)
    if field(chunk, "done") is not None:  # Ollama
        return bool(text(field(chunk, "response")) or text(field(chunk, "thinking"))
                    or _says_something(field(chunk, "message")))
    return True


def _says_something(message):
    return bool(text(field(message, "content")) or text(field(message, "thinking"))
                or text(field(message, "reasoning_content")) or field(message, "tool_calls"))
