"""WSGI: `app.wsgi_app = ringside.WSGIMiddleware(app.wsgi_app)`."""

from typing import Callable

from ringside._http import Exchange


class Middleware:
    """Makes a request `http` of each HTTP request, with the labels method, route and status.

    It ends when the server closes the body: streaming counts in full. The route is Flask's rule
    (`/users/<int:id>`), or whatever an application puts into `environ["ringside.route"]`; else
    `(unmatched)`. Answers of 500 and above and exceptions are errors. While the application works
    it is the current request. A `traceparent` header is accepted. Threads: as the application.
    """

    def __init__(self, application: Callable, name: str = "http"):
        self._application = application
        self._name = name

    def __call__(self, environ, start_response):
        call = _Call(self._name, environ)

        def observed_start(status, headers, exc_info=None):
            call.begin_answer(status)
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        try:
            body = self._application(environ, observed_start)
        except BaseException as error:
            call.end((type(error), error, error.__traceback__))
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            # The server knows its own wrapper and sends the file without us in between.
            call.end_with(body)
            return body
        return _Body(body, call)


class _Call:
    """One call of the application."""

    def __init__(self, name, environ):
        self._environ = environ
        self._exchange = Exchange(name, environ.get("REQUEST_METHOD"),
                                  environ.get("HTTP_TRACEPARENT"))
        self._status = 0
        self._route = None

    def begin_answer(self, status):
        # Flask forgets the request, and its rule, before it returns.
        self._status = _code(status)
        self._route = _route(self._environ)

    def end(self, failure=(None, None, None)):
        self._exchange.end(self._route or _route(self._environ), self._status, failure)

    def end_with(self, body):
        """Ends the call when `body` is closed."""
        close = getattr(body, "close", None)

        def observed_close():
            try:
                if close is not None:
                    close()
            finally:
                self.end()

        body.close = observed_close


class _Body:
    """An application's body, until it is closed."""

    def __init__(self, body, call):
        self._body = body
        self._call = call
        self._iterator = None

    def __iter__(self):
        return self

    def __next__(self):
        try:
            if self._iterator is None:
                self._iterator = iter(self._body)
            return next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._call.end((type(error), error, error.__traceback__))
            raise

    def __len__(self):
        # Servers ask it to set Content-Length; who has no length answers so.
        return len(self._body)

    def __bool__(self):
        return True  # with or without a length

    def close(self):
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._call.end((type(error), error, error.__traceback__))
            raise
        self._call.end()

    def __del__(self):
        self._call.end()  # a server that closes nothing


def _code(status):
    """200 of "200 OK"; 0 where it is none."""
    code = status[:3] if isinstance(status, str) else ""
    return int(code) if code.isdigit() and len(code) == 3 else 0


def _route(environ):
    route = environ.get("ringside.route")
    if route is None:
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        route = getattr(rule, "rule", None)
    return route if isinstance(route, str) else None
