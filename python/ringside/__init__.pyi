"""Types of the package; what the words mean is in docs/python.md.

`**attributes` are kept with a request; those named in label_keys make the series too, as `labels`
do. Nothing raises by itself but TypeError, where a call is not of these forms. Every function and
object may be used by any thread.
"""

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar, final, overload

from . import testing as testing
from . import traceparent as traceparent
from ._llm import llm as llm
from ._llm_stream import llm_stream as llm_stream
from ._logs import LogHandler as LogHandler
from ._logs import start_performance_log as start_performance_log
from ._logs import stop_performance_log as stop_performance_log
from ._model_load import model_load as model_load
from .asgi import Middleware as ASGIMiddleware
from .wsgi import Middleware as WSGIMiddleware

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Labels = Mapping[str, object]

__version__: str
__all__: list[str]

class _Block:
    """What `with` and `async with` do with timers, stages and requests."""

    def set(self, **attributes: object) -> None:
        """Attributes that are known late. A bare operation keeps none."""
    def value(self, name: str, number: float, unit: str = "") -> None:
        """A number: an attribute here, and a series below this one's, with the same labels."""
    def fail(self, error_type: str, message: str = "") -> None:
        """The outcome is an error of this type (few values: a label); the first one stands."""
    def end(self, ok: bool = True) -> None:
        """Ends it, once; for use without `with`. What failed before stays failed."""
    def __exit__(self, exception_type: type[BaseException] | None,
                 exception: BaseException | None, traceback: TracebackType | None, /) -> None: ...
    async def __aexit__(self, exception_type: type[BaseException] | None,
                        exception: BaseException | None,
                        traceback: TracebackType | None, /) -> None: ...

@final
class Timer(_Block):
    """A block that is timed. One object times one block after the other; nested ones count each."""

    def start(self) -> Timer:
        """Begins the measurement, for use without `with`."""
    def set(self, **attributes: object) -> None: ...
    def value(self, name: str, number: float, unit: str = "") -> None: ...
    def fail(self, error_type: str, message: str = "") -> None: ...
    def end(self, ok: bool = True) -> None: ...
    def __enter__(self) -> Timer: ...
    async def __aenter__(self) -> Timer: ...

@final
class Stage(_Block):
    """A named part of a request; it has begun when it is made."""

    @property
    def name(self) -> str: ...
    @property
    def request(self) -> Request: ...
    def set(self, **attributes: object) -> None: ...
    def value(self, name: str, number: float, unit: str = "") -> None: ...
    def fail(self, error_type: str, message: str = "") -> None: ...
    def end(self, ok: bool = True) -> None: ...
    def __enter__(self) -> Stage: ...
    async def __aenter__(self) -> Stage: ...

@final
class Request(_Block):
    """One unit of work; it has begun when it is made. Inside its `with` it is the current one."""

    @property
    def id(self) -> str:
        """As in the archive: the caller's own, else a random UUID."""
    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> dict[str, Any]:
        """The archive's line as a dict, and `bottlenecks`; of an open request, so far."""
    @property
    def is_open(self) -> bool:
        """False once it has ended, and in a forked child."""
    def label(self, **labels: object) -> None:
        """Labels that are known late: the request counts under them, and those it had."""
    def stage(self, name: str, /, *, labels: _Labels | None = None, **attributes: object) -> Stage:
        """A stage that begins now, with the request's labels and its own."""
    @overload
    def record(self, name: str, /, *, seconds: float, ok: bool = True,
               error_type: str | None = None, message: str | None = None,
               labels: _Labels | None = None, **attributes: object) -> None:
        """A stage that was measured elsewhere and ended now."""
    @overload
    def record(self, name: str, /, *, ms: float, ok: bool = True,
               error_type: str | None = None, message: str | None = None,
               labels: _Labels | None = None, **attributes: object) -> None: ...
    def set(self, **attributes: object) -> None: ...
    def value(self, name: str, number: float, unit: str = "") -> None: ...
    def fail(self, error_type: str, message: str = "") -> None: ...
    def end(self, ok: bool = True) -> None: ...
    def __enter__(self) -> Request: ...
    async def __aenter__(self) -> Request: ...

class _Handle:
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def unit(self) -> str: ...

@final
class Operation(_Handle):
    """An operation, found once: `with operation:` is a timed block, in any thread or task."""

    def __new__(cls, name: str, /, *, labels: _Labels | None = None,
                **label: object) -> Operation: ...
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def unit(self) -> str: ...
    def timer(self) -> Timer:
        """A timer of this operation, where one is needed as an object."""
    @overload
    def record(self, *, seconds: float, ok: bool = True, error_type: str | None = None) -> None:
        """A duration measured elsewhere."""
    @overload
    def record(self, *, ms: float, ok: bool = True, error_type: str | None = None) -> None: ...
    def __enter__(self) -> Timer: ...
    def __exit__(self, exception_type: type[BaseException] | None,
                 exception: BaseException | None, traceback: TracebackType | None, /) -> None: ...

@final
class Value(_Handle):
    """A value, found once. Negative numbers count as lost unless it is `signed`."""

    def __new__(cls, name: str, /, *, unit: str = "", signed: bool = False,
                labels: _Labels | None = None, **label: object) -> Value: ...
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def unit(self) -> str: ...
    def record(self, number: float, /) -> None: ...

@final
class Counter(_Handle):
    """A counter, found once."""

    def __new__(cls, name: str, /, *, unit: str = "", labels: _Labels | None = None,
                **label: object) -> Counter: ...
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def unit(self) -> str: ...
    def add(self, number: int = 1, /) -> None: ...

@final
class Gauge(_Handle):
    """A gauge, found once. Negative numbers count as lost unless it is `signed`."""

    def __new__(cls, name: str, /, *, unit: str = "", signed: bool = False,
                labels: _Labels | None = None, **label: object) -> Gauge: ...
    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def unit(self) -> str: ...
    def set(self, number: float, /) -> None: ...

class attach:
    """`with attach(request):` makes it the current one of this thread; None: there is none."""

    def __init__(self, request: Request | None) -> None: ...
    def __enter__(self) -> Request | None: ...
    def __exit__(self, exception_type: type[BaseException] | None,
                 exception: BaseException | None, traceback: TracebackType | None, /) -> None: ...

def bind(function: _Function, request: Request | None = None) -> _Function:
    """`function`, to be called in another thread, as part of `request` (default: the current)."""

def configure(*, service: str | None = None, labels: _Labels | None = None,
              label_keys: Iterable[str] | None = None,
              directory: str | PathLike[str] | None = None, console: bool | None = None) -> bool:
    """Before the first record; False when service, labels or directory came too late."""

def request(name: str, /, *, id: str | None = None, labels: _Labels | None = None,
            **attributes: object) -> Request:
    """Begins a request. Without `with`, end() it; dropped without an end it counts as aborted."""

def timer(name: str, /, *, labels: _Labels | None = None,
          **attributes: object) -> Timer | Stage | Request:
    """A timed block. With attributes that are no labels it is a stage of the current request or,
    where there is none, a request of one step."""

@overload
def timed(function: _Function, /) -> _Function:
    """Times every call of a function, method, coroutine, generator or async generator."""
@overload
def timed(name: str | None = None, /, *, labels: _Labels | None = None,
          **attributes: object) -> Callable[[_Function], _Function]: ...

@overload
def record(name: str, /, *, seconds: float, ok: bool = True, error_type: str | None = None,
           message: str | None = None, labels: _Labels | None = None,
           **attributes: object) -> None:
    """A duration measured elsewhere; with attributes as `timer` has it."""
@overload
def record(name: str, /, *, ms: float, ok: bool = True, error_type: str | None = None,
           message: str | None = None, labels: _Labels | None = None,
           **attributes: object) -> None: ...

def count(name: str, number: int = 1, /, *, unit: str = "", labels: _Labels | None = None,
          **label: object) -> None:
    """Adds to a counter. Keywords that are no label keys are counted as ignored."""

def gauge(name: str, number: float, /, *, unit: str = "", signed: bool = False,
          labels: _Labels | None = None, **label: object) -> None:
    """Sets a gauge. Keywords that are no label keys are counted as ignored."""

def value(name: str, number: float, /, *, unit: str = "", signed: bool = False,
          labels: _Labels | None = None, **label: object) -> None:
    """Records a value. Keywords that are no label keys are counted as ignored."""

def event(name: str, /, *, labels: _Labels | None = None, **attributes: object) -> None:
    """Something happened: a step of no length of the current request or, where there is none, a
    request of no length."""

def current_request() -> Request | None:
    """The open request whose block this code runs in."""

def health() -> dict[str, int]:
    """What this process could not record as asked."""

def last_error() -> str:
    """Why there is no segment, for people; "" where there is one or none was needed yet."""

def segment_path() -> str | None:
    """Where this process records; opens the segment when nothing was recorded yet."""

def set_enabled(enabled: bool) -> None:
    """Switches all recording of this process on or off."""
