"""W3C trace context: joins a request with its parent and its children on other hosts.

`accept` reads the header that came in, `header` writes the one that goes out. The ids are
attributes of the request in the archive: trace_id, span_id, parent_span_id. Nothing here raises; a
header that is not exactly as the standard has it is ignored, and the request begins a trace of its
own.
"""

import os
import re
from contextvars import ContextVar
from typing import NamedTuple, Optional, Union

import ringside

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_FORBIDDEN_VERSION = "ff"


class TraceContext(NamedTuple):
    """Where a request stands in its trace. Ids are lower-case hex, 32 and 16 digits."""

    trace_id: str
    span_id: str
    parent_span_id: Optional[str] = None
    flags: int = 1

    def header(self) -> str:
        """The `traceparent` to send to what this request calls."""
        # Of the flags only "sampled" and "random" are defined: others must be sent as zero.
        return f"00-{self.trace_id}-{self.span_id}-{self.flags & 3:02x}"


# The requests of this context that have a place in a trace, the innermost last.
_places: ContextVar[tuple] = ContextVar("ringside_trace_places", default=())


def parse(header: Union[str, bytes, None]) -> Optional[TraceContext]:
    """The caller's place in its trace, of a `traceparent` (text or bytes); None where it is bad."""
    if isinstance(header, (bytes, bytearray)):
        header = bytes(header).decode("latin-1")
    if not isinstance(header, str):
        return None
    match = _HEADER.fullmatch(header.strip(" \t"))
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == _FORBIDDEN_VERSION or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    if version == "00" and rest is not None:
        return None
    return TraceContext(trace_id, span_id, None, int(flags, 16))


def accept(header: Union[str, bytes, None] = None,
           request: Optional["ringside.Request"] = None) -> Optional[TraceContext]:
    """Gives `request` (default: the current one) a place below the caller's, or in a new trace.

    Sets its attributes trace_id, span_id and, where there is a parent, parent_span_id. None: there
    is no request.
    """
    request = request if request is not None else ringside.current_request()
    if request is None:
        return None
    caller = parse(header)
    if caller is None:
        place = TraceContext(_random_hex(16), _random_hex(8))
    else:
        place = TraceContext(caller.trace_id, _random_hex(8), caller.span_id, caller.flags)
    _places.set((*(entry for entry in _places.get() if entry[0].is_open), (request, place)))
    ids = {"trace_id": place.trace_id, "span_id": place.span_id}
    if place.parent_span_id is not None:
        ids["parent_span_id"] = place.parent_span_id
    request.set(**ids)
    return place


def header(request: Optional["ringside.Request"] = None) -> Optional[str]:
    """The `traceparent` to send with calls of `request` (default: the current one).

    A request without a place gets one: below the request around it, else in a new trace. None:
    there is no request; send no header then.
    """
    request = request if request is not None else ringside.current_request()
    if request is None:
        return None
    places = _places.get()
    for known, place in reversed(places):
        if known is request:
            return place.header()
    parent = places[-1][1].header() if places and places[-1][0].is_open else None
    return accept(parent, request).header()


def _random_hex(size: int) -> str:
    """Never all zero. From the kernel: a forked worker must not repeat its parent's ids."""
    while True:
        text = os.urandom(size).hex()
        if text.strip("0"):
            return text
