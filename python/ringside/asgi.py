"""ASGI: `app = ringside.ASGIMiddleware(app)`, or `app.add_middleware(ringside.ASGIMiddleware)`."""

from typing import Callable

from ringside._http import Exchange


class Middleware:
    """Makes a request `http` of each HTTP request, with the labels method, route and status.

    It ends with the last piece of the body, or when the application returns: what runs in the
    background after the answer does not count. The route is that of FastAPI or Starlette
    (`/users/{id}`), or whatever an application puts into `scope["ringside.route"]`; else
    `(unmatched)`. Answers of 500 and above and exceptions are errors. While the application works
    it is the current request. A `traceparent` header is accepted. Other scopes (websocket,
    lifespan) pass unmeasured.
    """

    def __init__(self, app: Callable, name: str = "http"):
        self._app = app
        self._name = name
        self._routes = _Routes()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(self._name, scope.get("method"), _header(scope, b"traceparent"))
        status = 0

        async def observed_send(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            # After an answer of 500 the exception that caused it may still come.
            if is_last and status < 500:
                exchange.end(self._routes.of(scope), status)

        try:
            await self._app(scope, receive, observed_send)
        except BaseException as error:
            exchange.end(self._routes.of(scope), status, (type(error), error, error.__traceback__))
            raise
        exchange.end(self._routes.of(scope), status)


class _Routes:
    """The template of the route that an application chose."""

    def __init__(self):
        self._known = {}

    def of(self, scope):
        """None where there is none, or it is not told."""
        route = scope.get("ringside.route")
        if route is None:
            route = getattr(scope.get("route"), "path", None)
        if route is None and scope.get("endpoint") is not None:
            route = self._of_endpoint(scope)
        return route if isinstance(route, str) else None

    def _of_endpoint(self, scope):
        """Older Starlettes name the function only: the route that leads to it, where it is one."""
        endpoint = scope["endpoint"]
        try:
            if endpoint not in self._known:
                paths = set(_paths(getattr(scope.get("app"), "routes", ()), endpoint))
                self._known[endpoint] = paths.pop() if len(paths) == 1 else None
            return self._known[endpoint]
        except (TypeError, AttributeError):  # an endpoint without a hash, routes of another kind
            return None


def _paths(routes, endpoint, prefix=""):
    for route in routes:
        path = prefix + getattr(route, "path", "")
        if getattr(route, "endpoint", None) is endpoint:
            yield path
        yield from _paths(getattr(route, "routes", None) or (), endpoint, path)


def _header(scope, name):
    for key, value in scope.get("headers", ()):
        if key.lower() == name:
            return value
    return None
