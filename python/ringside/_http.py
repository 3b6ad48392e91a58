"""A request for each HTTP request: what the WSGI and the ASGI middleware share."""

import ringside
from ringside import traceparent

UNMATCHED = "(unmatched)"
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))


class Exchange:
    """One HTTP request, from its arrival to the last byte of its answer.

    Labels are known late and have few values: method, route (a template, never the path that came
    in: anybody could make series with it) and status class. Nothing here raises.
    """

    def __init__(self, name, method, trace_header):
        # What a client may invent must not make a series.
        self._method = method if method in _METHODS else "_OTHER"
        self._request = ringside.request(name, labels={"method": self._method})
        self._request.__enter__()
        if trace_header:
            traceparent.accept(trace_header, self._request)

    def end(self, route, status, failure=(None, None, None)):
        """`status`: the code of the answer, 0 if none was begun. Once: it has ended then."""
        request = self._request
        request.label(method=self._method, route=route or UNMATCHED, status=status_class(status))
        if status:
            request.set(status_code=status)
        if status >= 500 and failure[0] is None:
            request.fail(f"http_{status}")
        request.__exit__(*failure)


def status_class(status):
    """`2xx` of 204; `none` where no answer was begun."""
    return f"{status // 100}xx" if 100 <= status <= 599 else "none"
