"""Who is told of everything that is recorded: the console, tests, the performance log.

The core knows one sink, or none, which costs nothing; here it is shared among several listeners. A
listener is called as a sink is (`_core.set_sink`): in the thread that recorded, as
listener(kind, facts). Any thread may add or remove.
"""

import threading

from ringside import _core

_lock = threading.Lock()
_listeners = ()


def add(listener):
    """From now on `listener` is told too; once, however often it is added."""
    global _listeners
    with _lock:
        if listener not in _listeners:
            _listeners = (*_listeners, listener)
        _core.set_sink(_tell)


def remove(listener):
    """`listener` is told nothing any more."""
    global _listeners
    with _lock:
        _listeners = tuple(known for known in _listeners if known != listener)
        if not _listeners:
            _core.set_sink(None)


def _tell(kind, facts):
    for listener in _listeners:
        listener(kind, facts)
