"""What the archive says of a request, as a dict: the same words, the same numbers.

The rules are the agent's and the aggregator's (docs/archive.md); a test compares the two. Only the
moment itself (`timestamp`, `start_unix_ns`) is read twice and differs by microseconds, and a host
that the agent calls by another name is called as the system calls it.
"""

import math
import os
import sys

from . import _ringside

OUTCOMES = {-1: "open", 0: "ok", 1: "error", 2: "aborted"}
_UNTIMED = "(untimed)"
_BOTTLENECK_PERCENT = 30
_MAX_TEXT_BYTES = 2048
_MAX_LABEL_KEY_BYTES = 64
_MAX_LABEL_BYTES = 200
_MAX_ERROR_TYPE_BYTES = 64


def clean(text, limit=_MAX_TEXT_BYTES):
    """`text` cut to `limit` bytes of UTF-8, with a replacement for what no page can show."""
    if len(text) * 4 > limit:
        encoded = text.encode("utf-8", "replace")
        if len(encoded) > limit:
            text = encoded[:limit].decode("utf-8", "ignore")
    if text.isprintable():
        return text
    return "".join("\ufffd" if (c < " " and c not in "\t\n") or c == "\x7f" else c for c in text)


def labels_of(labels):
    """Labels as a series has them: cut, in order of their keys."""
    pairs = ((clean(key, _MAX_LABEL_KEY_BYTES), clean(value, _MAX_LABEL_BYTES))
             for key, value in (labels or {}).items())
    return dict(sorted(pair for pair in pairs if pair[0]))


def attributes_of(attributes):
    """Attributes as JSON can hold them."""
    return {clean(key, _MAX_LABEL_KEY_BYTES): _value(value)
            for key, value in (attributes or {}).items()}


def _value(value):
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    return value


def error_of(outcome, error_type, message):
    """{"type", "message"}, or None where all was well."""
    if outcome in ("ok", "open") and not error_type and not message:
        return None
    return {"type": clean(error_type or "", _MAX_ERROR_TYPE_BYTES), "message": clean(message or "")}


def milliseconds(ns):
    """Whole where it is whole, as JSON is written."""
    return ns // 1_000_000 if ns % 1_000_000 == 0 else ns / 1e6


def step_of(detail, is_open=False):
    """One step, of what the extension tells of it. In an open request it may be open itself."""
    name, labels, attributes, offset, duration, outcome, error_type, message = detail
    word = OUTCOMES[outcome]
    if word == "open" and not is_open:
        word = "aborted"  # it ran when its request ended
    return {"name": clean(name), "start_ms": milliseconds(offset),
            "duration_ms": milliseconds(duration), "outcome": word, "labels": labels_of(labels),
            "attributes": attributes_of(attributes), "error": error_of(word, error_type, message),
            "start_offset_ns": offset, "duration_ns": duration}


def summary_of(detail):
    """The line of the archive, of what the extension tells of a request."""
    (request_id, operation, labels, attributes, steps, duration, outcome, error_type, message,
     start) = detail
    word = OUTCOMES[outcome]
    steps = [step_of(step, word == "open") for step in steps]
    self_ns, untimed_ns = _self_times(steps, duration)
    summary = {
        "type": "request", "timestamp": timestamp(start), "request_id": clean(request_id),
        "operation": clean(operation), "labels": labels_of(labels),
        "attributes": attributes_of(attributes), "steps": steps,
        "step_summary": _step_summary(steps), "total_time_ms": milliseconds(duration),
        "success": word == "ok", "outcome": word, "error": error_of(word, error_type, message)}
    summary.update(_breakdown(steps, self_ns, untimed_ns, duration))
    summary.update({"host": os.uname().nodename, "service": _service(), "instance": _instance(),
                    "start_unix_ns": start, "duration_ns": duration})
    return summary


def timestamp(unix_ns):
    """ISO 8601, UTC, to the nanosecond."""
    import time  # not needed by who only records
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ns:09d}Z"


def _step_summary(steps):
    rows = {}
    for step in steps:
        row = rows.setdefault(step["name"], {"count": 0, "ok": 0, "errors": 0, "total_ns": 0})
        row["count"] += 1
        row["ok" if step["outcome"] == "ok" else "errors"] += 1
        row["total_ns"] += step["duration_ns"]
    for row in rows.values():
        row["mean_ms"] = milliseconds(row.pop("total_ns") // row["count"])
    return rows


class _Span:
    """A step's time on the request's axis, and how much of it the steps inside it cover."""

    def __init__(self, start, end, step):
        self.start, self.end, self.step = start, end, step
        self.covered = 0
        self.covered_until = start

    def cover(self, start, end):
        start, end = max(start, self.covered_until, self.start), min(end, self.end)
        if end > start:
            self.covered += end - start
            self.covered_until = end


def _self_times(steps, wall):
    """(ns of each step without the steps inside it, ns that no step covers)"""
    spans = [_Span(step["start_offset_ns"], step["start_offset_ns"] + step["duration_ns"], i)
             for i, step in enumerate(steps)]
    root = _Span(0, wall, -1)
    around = []
    # Those around others come first: the earlier, of those the longer.
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        while around and (around[-1].end <= span.start or around[-1].end < span.end or
                          (around[-1].start, around[-1].end) == (span.start, span.end)):
            around.pop()
        if around:
            around[-1].cover(span.start, span.end)
        root.cover(span.start, span.end)
        around.append(span)
    return [span.end - span.start - span.covered for span in spans], wall - root.covered


def _breakdown(steps, self_ns, untimed_ns, wall):
    shares = {}
    for step, ns in zip(steps, self_ns):
        shares[step["name"]] = shares.get(step["name"], 0) + ns
    percent = {name: _percent(ns, wall) for name, ns in shares.items()}
    largest = max(shares, key=shares.get, default=None)
    bottlenecks = [name for name in sorted(shares, key=shares.get, reverse=True)
                   if shares[name] * 100 >= _BOTTLENECK_PERCENT * max(wall, 1)]
    percent[_UNTIMED] = _percent(untimed_ns, wall)
    return {"breakdown_percent": percent, "bottleneck": largest, "bottlenecks": bottlenecks}


def _percent(ns, wall):
    # Halves away from zero, as C rounds.
    return math.floor(ns / max(wall, 1) * 10000.0 + 0.5) / 100.0


def _service():
    from . import _core
    return _core.service()


def _instance():
    path = _ringside.segment_path()
    return f"{os.getpid()}-{os.path.basename(path)[:8]}" if path else ""
