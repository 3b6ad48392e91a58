"""Where time goes, across every worker of every host: docs/python.md.

Nothing here blocks, logs or raises by itself. With no agent, no room for a segment, or after fork,
it goes on; what could not be recorded is counted (`ringside.health()`).
"""

from . import _core
from ._core import attach, bind, configure, set_enabled
from ._ringside import (Counter, Gauge, Operation, Request, Stage, Timer, Value, count,
                        current_request, event, gauge, health, last_error, record, request,
                        segment_path, timer, value)
from ._ringside import version as __version__

# Imported when they are first asked for: who only records pays for none of them.
_LAZY = {"ASGIMiddleware": ("asgi", "Middleware"), "LogHandler": ("_logs", "LogHandler"),
         "WSGIMiddleware": ("wsgi", "Middleware"), "asgi": ("asgi", None),
         "llm": ("_llm", "llm"), "llm_stream": ("_llm_stream", "llm_stream"),
         "model_load": ("_model_load", "model_load"), "testing": ("testing", None),
         "timed": ("_timed", "timed"), "traceparent": ("traceparent", None),
         "wsgi": ("wsgi", None)}

__all__ = ["Counter", "Gauge", "Operation", "Request", "Stage", "Timer", "Value", "attach", "bind",
           "configure", "count", "current_request", "event", "gauge", "health", "last_error",
           "record", "request", "segment_path", "set_enabled", "timer", "value", *_LAZY]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module 'ringside' has no attribute '{name}'")
    from importlib import import_module
    module, member = _LAZY[name]
    found = import_module(f"ringside.{module}")
    if member is not None:
        found = getattr(found, member)
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *__all__})


_core.start()
