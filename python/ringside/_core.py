"""Configuration, listeners and hand-over: what of the package's core is written in Python.

Imported with the package, so it imports nothing that the interpreter has not imported itself.
"""

import os

from . import _ringside

_service = ""
_labels = {}
_directory = ""
_console = None
_FALSE = ("", "0")


# ---- configuration -----------------------------------------------------------------------------

def configure(*, service=None, labels=None, label_keys=None, directory=None, console=None):
    """Sets what is given; optional, before the first record. What is left out stays.

    `service`: the name this process is shown under. `labels`: of every series of this process.
    `label_keys`: the names of keywords that make the series too (default model, model_version,
    device); may change at any time. `directory`: of the segment, on tmpfs. `console`: whether
    requests are printed to stderr as they go. RINGSIDE_* of the environment goes before all of
    them, they go before OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.

    False when service, labels or directory came too late: this process has recorded already. Raises
    TypeError for a wrong type alone. Any thread, one at a time.
    """
    global _service, _labels, _directory
    if label_keys is not None:
        _ringside.set_label_keys(
            [label_keys] if isinstance(label_keys, str) else [str(key) for key in label_keys])
    if console is not None:
        _set_console(console)
    if service is None and labels is None and directory is None:
        return True
    if service is not None:
        _service = str(service)
    if labels is not None:
        _labels = {**_labels, **dict(labels)}
    if directory is not None:
        _directory = os.fspath(directory)
    return _apply()


def service():
    """The name of the service, as the probe finds it."""
    name = os.environ.get("RINGSIDE_SERVICE") or _service or _otel_service()
    if name:
        return name
    with open("/proc/self/comm", encoding="utf-8", errors="replace") as file:
        return file.read().rstrip("\n")


def set_enabled(enabled):
    """Switches all recording of this process on or off; nothing is counted while it is off."""
    _ringside.set_enabled(enabled)


def _apply():
    resource = {key: value for key, value in _otel_attributes().items() if key != "service.name"}
    return _ringside.configure(_service or _otel_service(), _directory, {**resource, **_labels})


def _otel_service():
    return os.environ.get("OTEL_SERVICE_NAME") or _otel_attributes().get("service.name", "")


def _otel_attributes():
    """OTEL_RESOURCE_ATTRIBUTES, "key=value,key=value" with percent signs for what is special."""
    attributes = {}
    for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = pair.partition("=")
        if equals and key.strip():
            attributes[_unquote(key.strip())] = _unquote(value.strip())
    return attributes


def _unquote(text):
    if "%" not in text:
        return text
    from urllib.parse import unquote  # rarely needed, and large
    return unquote(text)


def _set_console(wanted):
    global _console
    if "RINGSIDE_CONSOLE" in os.environ:
        wanted = os.environ["RINGSIDE_CONSOLE"] not in _FALSE
    if bool(wanted) == (_console is not None):
        return
    from . import _console as console
    if wanted:
        _console = console.start()
    else:
        console.stop(_console)
        _console = None


def start():
    """What the environment asks for, once, when the package is imported."""
    _ringside.set_summary(_summary_of)
    if "OTEL_SERVICE_NAME" in os.environ or "OTEL_RESOURCE_ATTRIBUTES" in os.environ:
        _apply()
    if os.environ.get("RINGSIDE_CONSOLE", "") not in _FALSE:
        _set_console(True)


# ---- listeners ---------------------------------------------------------------------------------

def set_sink(sink):
    """`sink(kind, facts)` is called for everything recorded from now on; None: nobody is.

    Called in the thread that recorded; what it raises is printed, not raised. `facts` is a dict:

    - "start": request_id, operation, labels, attributes, timestamp, of a request that begins
    - "stage": a step as in a summary, with request_id and operation, when it ends
    - "request": the summary of a request when it ends, also of one step
    - "event": name, labels, attributes, request_id, operation (both None outside of a request)
    - "operation": name, labels, seconds, outcome, error_type, of what has no attributes
    - "value", "gauge", "count": name, labels, number, unit
    """
    if sink is None:
        _ringside.set_sink(None)
        return
    from . import _sink_facts

    def tell(kind, raw):
        sink(kind, _sink_facts.facts_of(kind, raw))

    _ringside.set_sink(tell)


def _summary_of(detail):
    try:
        from ._summary import summary_of
    except ImportError:  # the interpreter is ending
        return None
    return summary_of(detail)


# ---- hand-over ---------------------------------------------------------------------------------

class attach:  # noqa: N801: read as a function: `with ringside.attach(request):`
    """Makes `request` the current one of this thread, for the block; it goes on after it.

    For threads and executors that do not carry the context along. None: the block belongs to none.
    """

    __slots__ = ("_request", "_tokens")

    def __init__(self, request):
        self._request = request
        self._tokens = []

    def __enter__(self):
        self._tokens.append(_ringside.current.set(self._request))
        return self._request

    def __exit__(self, *failure):
        try:
            _ringside.current.reset(self._tokens.pop())
        except (ValueError, IndexError):  # left in another context than it was entered in
            pass


def bind(function, request=None):
    """`function`, to be called in another thread, as part of `request` (default: the current)."""
    if request is None:
        request = _ringside.current_request()

    def bound(*arguments, **keywords):
        with attach(request):
            return function(*arguments, **keywords)

    bound.__wrapped__ = function
    return bound
