"""Reads fields of what other packages return: mappings or objects, complete or not.

Whatever such a field is, or does when it is read, nothing here raises.
"""

import math

_LARGEST = 1 << 62


def field(source, *path):
    """`source.a.b` or `source["a"]["b"]`, mixed as it comes; None where any part is missing."""
    for name in path:
        if source is None:
            return None
        try:
            get = source.get if hasattr(source, "get") and hasattr(source, "keys") else None
            source = get(name) if get else getattr(source, name, None)
        except Exception:  # a property or a proxy of somebody else's
            return None
    return source


def first(source, *paths):
    """The first of `paths` (texts with dots) that is there."""
    for path in paths:
        found = field(source, *path.split("."))
        if found is not None:
            return found
    return None


def number(value):
    """`value` where it is a finite number and not negative, else None. True is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if 0 <= value <= _LARGEST else None


def text(value):
    """`value` where it is a text that says something, else None."""
    return value if isinstance(value, str) and value else None


def from_nanoseconds(nanoseconds):
    """The same in seconds; None of what is no number."""
    nanoseconds = number(nanoseconds)
    return None if nanoseconds is None else nanoseconds / 1e9


def rate(count, duration):
    """`count` a second; None where either is unknown or nothing can be said."""
    if count is None or not duration:
        return None
    return count / duration
