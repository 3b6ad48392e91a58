"""The WSGI and the ASGI middleware, called as servers call them."""

import asyncio
import gc
import io

import pytest
import ringside
from ringside import asgi, wsgi
from ringside.testing import capture

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def call_wsgi(application, **environ):
    """(status line, body) as a server gets them; the body is closed."""
    started = []
    body = application({"REQUEST_METHOD": "GET", "PATH_INFO": "/", **environ},
                       lambda status, headers, exc_info=None: started.append(status))
    try:
        return "".join(started[-1:]), b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def answering(status, body=(b"body",), route=None):
    """A WSGI application that always answers so."""
    def application(environ, start_response):
        if route is not None:
            environ["ringside.route"] = route
        start_response(status, [])
        return body
    return wsgi.Middleware(application)


def only(seen):
    assert len(seen.requests) == 1, seen.requests
    return seen.requests[0]


@pytest.mark.parametrize("status, label, outcome", [
    ("200 OK", "2xx", "ok"), ("302 Found", "3xx", "ok"), ("404 Not Found", "4xx", "ok"),
    ("500 Oops", "5xx", "error"), ("503 Busy", "5xx", "error"), ("nonsense", "none", "ok"),
])
def test_wsgi_status_and_route_are_labels(status, label, outcome):
    with capture() as seen:
        application = answering(status, route="/users/<id>")
        assert call_wsgi(application, PATH_INFO="/users/7") == (status, b"body")
    request = only(seen)
    assert request["operation"] == "http" and request["outcome"] == outcome
    assert request["labels"] == {"method": "GET", "route": "/users/<id>", "status": label}
    if outcome == "error":
        assert request["error"]["type"] == f"http_{status[:3]}"
    assert "/users/7" not in str(request)


def test_what_strangers_invent_makes_no_series():
    with capture() as seen:
        for number in range(20):
            call_wsgi(answering("404 Not Found"), PATH_INFO=f"/{number}",
                      REQUEST_METHOD=f"M{number}")
    assert {tuple(r["labels"].items()) for r in seen.requests} == {
        (("method", "_OTHER"), ("route", "(unmatched)"), ("status", "4xx"))}


def test_wsgi_request_is_the_current_one_and_ends_with_its_body():
    def application(environ, start_response):
        start_response("200 OK", [])
        for piece in (b"a", b"b"):
            with ringside.current_request().stage("piece"):
                yield piece

    with capture() as seen:
        body = wsgi.Middleware(application)({"REQUEST_METHOD": "GET"}, lambda *_: None)
        assert body  # though a generator has no length
        assert [next(body), next(body)] == [b"a", b"b"]
        with pytest.raises(StopIteration):
            next(body)
        assert seen.requests == []
        body.close()
        body.close()
    assert [step["name"] for step in only(seen)["steps"]] == ["piece", "piece"]
    assert ringside.current_request() is None


def test_wsgi_close_reaches_the_application():
    closed = []

    class Body(list):
        def close(self):
            closed.append(True)

    with capture() as seen:
        body = answering("200 OK", Body([b"one"]))({"REQUEST_METHOD": "GET"}, lambda *_: None)
        assert len(body) == 1
        body.close()
    assert closed == [True] and only(seen)["outcome"] == "ok"


def test_a_server_that_never_closes_still_ends_the_request():
    with capture() as seen:
        body = answering("200 OK")({"REQUEST_METHOD": "GET"}, lambda *_: None)
        assert b"".join(body) == b"body"
        del body
        gc.collect()
    assert only(seen)["outcome"] == "ok"


@pytest.mark.parametrize("where", ["call", "body", "close"])
def test_wsgi_exceptions_are_errors_and_go_on(where):
    class Body:
        def __iter__(self):
            return self

        def __next__(self):
            if where == "body":
                raise KeyError("lost")
            raise StopIteration

        def close(self):
            if where == "close":
                raise KeyError("lost")

    def application(environ, start_response):
        if where == "call":
            raise KeyError("lost")
        start_response("200 OK", [])
        return Body()

    with capture() as seen, pytest.raises(KeyError):
        call_wsgi(wsgi.Middleware(application))
    assert only(seen)["error"]["type"] == "KeyError"
    assert ringside.current_request() is None


def test_wsgi_files_go_to_the_server_as_its_own_wrapper():
    class FileWrapper:
        def __init__(self, file):
            self.file = file
            self.close = file.close

        def __iter__(self):
            return iter(self.file)

    file = io.BytesIO(b"content")

    def application(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    with capture() as seen:
        body = wsgi.Middleware(application)(
            {"REQUEST_METHOD": "GET", "wsgi.file_wrapper": FileWrapper}, lambda *_: None)
        assert type(body) is FileWrapper and b"".join(body) == b"content"
        assert seen.requests == []
        body.close()
    assert file.closed and only(seen)["outcome"] == "ok"


def test_wsgi_start_response_is_called_with_what_the_application_gave():
    calls = []
    error = (ValueError, ValueError("x"), None)

    def application(environ, start_response):
        start_response("200 OK", [("A", "1")])("written")
        start_response("500 Oops", [], error)
        return []

    with capture() as seen:
        wsgi.Middleware(application)({"REQUEST_METHOD": "GET"},
                                     lambda *given: calls.append(given) or calls.append).close()
    assert calls == [("200 OK", [("A", "1")]), "written", ("500 Oops", [], error)]
    assert only(seen)["labels"]["status"] == "5xx"


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_traceparent_joins_the_trace(kind):
    with capture() as seen:
        if kind == "wsgi":
            call_wsgi(answering("200 OK"), HTTP_TRACEPARENT=TRACEPARENT)
        else:
            call_asgi(answer_asgi, headers=[(b"TraceParent", TRACEPARENT.encode())])
    assert only(seen)["attributes"]["trace_id"] == TRACE


async def answer_asgi(scope, receive, send):
    scope["ringside.route"] = "/items/{id}"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (b"a", b"b"):
        with ringside.current_request().stage("piece"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def call_asgi(app, middleware=asgi.Middleware, **scope):
    """The messages that a server gets."""
    sent = []

    async def receive():
        await asyncio.Event().wait()  # nobody goes away

    async def send(message):
        sent.append(message)

    asyncio.run(middleware(app)(
        {"type": "http", "method": "GET", "path": "/items/7", "headers": [], **scope},
        receive, send))
    return sent


def test_asgi_request_has_route_and_status_and_ends_with_its_body():
    async def app(scope, receive, send):
        await answer_asgi(scope, receive, send)
        ended.append(len(seen.requests))  # what follows runs in the background

    ended = []
    with capture() as seen:
        assert len(call_asgi(app)) == 4
    assert ended == [1]
    request = only(seen)
    assert request["labels"] == {"method": "GET", "route": "/items/{id}", "status": "2xx"}
    assert request["attributes"]["status_code"] == 200 and len(request["steps"]) == 2


def test_asgi_exceptions_are_errors_and_go_on():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"sorry"})
        raise KeyError("lost")

    with capture() as seen, pytest.raises(KeyError):
        call_asgi(app)
    assert only(seen)["error"]["type"] == "KeyError" and only(seen)["labels"]["status"] == "5xx"


def test_asgi_answers_of_500_without_an_exception_are_errors():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 502, "headers": []})
        await send({"type": "http.response.body", "body": b"sorry"})

    with capture() as seen:
        call_asgi(app)
    assert only(seen)["error"]["type"] == "http_502"


def test_asgi_interleaved_requests_are_kept_apart():
    async def app(scope, receive, send):
        request = ringside.current_request()
        request.set(number=scope["number"])
        await asyncio.sleep(0)
        with request.stage(f"stage_{scope['number']}"):
            await asyncio.sleep(0)
        assert ringside.current_request() is request
        await answer_asgi(scope, receive, send)

    async def send(message):
        await asyncio.sleep(0)

    async def all_of_them():
        await asyncio.gather(*(
            measured({"type": "http", "method": "GET", "number": number}, None, send)
            for number in range(20)))

    measured = asgi.Middleware(app)
    with capture() as seen:
        asyncio.run(all_of_them())
    assert len(seen.requests) == 20
    for request in seen.requests:
        assert request["steps"][0]["name"] == f"stage_{request['attributes']['number']}"


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_asgi_other_scopes_pass_unmeasured(kind):
    async def app(scope, receive, send):
        assert ringside.current_request() is None
        passed.append(scope["type"])

    passed = []
    with capture() as seen:
        call_asgi(app, type=kind)
    assert passed == [kind] and seen.requests == []


def test_starlette_tells_its_route():
    applications = pytest.importorskip("starlette.applications")
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Mount, Route

    async def item(request):
        return PlainTextResponse(request.path_params["id"])

    async def stream(request):
        async def pieces():
            for piece in ("a", "b"):
                with ringside.current_request().stage("piece"):
                    yield piece
        return StreamingResponse(pieces())

    async def broken(request):
        raise ValueError("no")

    async def twice(request):
        return PlainTextResponse("")

    app = applications.Starlette(routes=[
        Route("/items/{id}", item), Mount("/api", routes=[Route("/stream", stream)]),
        Route("/broken", broken), Route("/a", twice), Route("/b", twice)])
    with capture() as seen:
        for path in ("/items/7", "/items/8", "/api/stream", "/nowhere/9", "/a"):
            call_asgi(app, path=path, raw_path=path.encode(), query_string=b"", root_path="")
        with pytest.raises(ValueError):
            call_asgi(app, path="/broken", raw_path=b"/broken", query_string=b"", root_path="")
    told = [(r["labels"]["route"], r["labels"]["status"], r["outcome"]) for r in seen.requests]
    assert told == [
        ("/items/{id}", "2xx", "ok"), ("/items/{id}", "2xx", "ok"), ("/api/stream", "2xx", "ok"),
        ("(unmatched)", "4xx", "ok"),
        # Two routes lead to one function: which it was, this Starlette does not say.
        ("(unmatched)", "2xx", "ok"), ("/broken", "5xx", "error")]
    assert len(seen.requests[2]["steps"]) == 2


def test_a_route_that_the_framework_puts_into_the_scope_counts():
    class Route:
        path = "/users/{id}"

    async def app(scope, receive, send):
        scope["route"] = Route()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    with capture() as seen:
        call_asgi(app)
    assert only(seen)["labels"]["route"] == "/users/{id}"
