"""Where time goes, across every worker of every host: docs/python.md.

Nothing here blocks, logs or raises by itself. With no agent, no room for a segment, or after fork,
it goes on; what could not be recorded is counted (`ringside.health()`).
"""

from . import _core
from ._core import attach, bind, configure, set_enabled
from ._lazy import Lazy as _Lazy
from ._ringside import (Counter, Gauge, Operation, Request, Stage, Timer, Value, count,
                        current_request, event, gauge, health, last_error, record, request,
                        segment_path, timer, value)
from ._ringside import version as __version__

for _place in (("ASGIMiddleware", "asgi", "Middleware"), ("LogHandler", "_logs", "LogHandler"),
               ("WSGIMiddleware", "wsgi", "Middleware"), ("llm", "_llm", "llm"),
               ("llm_stream", "_llm_stream", "llm_stream"),
               ("model_load", "_model_load", "model_load"), ("testing", "testing"),
               ("start_performance_log", "_logs", "start_performance_log"),
               ("stop_performance_log", "_logs", "stop_performance_log"),
               ("timed", "_timed", "timed"), ("traceparent", "traceparent")):
    globals()[_place[0]] = _Lazy(globals(), *_place)
del _place

__all__ = ["Counter", "Gauge", "Operation", "Request", "Stage", "Timer", "Value", "attach", "bind",
           "configure", "count", "current_request", "event", "gauge", "health", "last_error",
           "record", "request", "segment_path", "set_enabled", "timer", "value",
           # imported when they are first used
           "ASGIMiddleware", "LogHandler", "WSGIMiddleware", "llm", "llm_stream", "model_load",
           "start_performance_log", "stop_performance_log", "testing", "timed", "traceparent"]

_core.start()
