"""What gunicorn serves in tests: each path does one thing, and records it under its own name."""

import os
import signal

import ringside
import ringside.wsgi

# In the master with --preload, else in each worker: a segment of its own before any fork.
ringside.count("imports")


def _work(environ):
    with ringside.current_request().stage("work") as stage:
        stage.value("letters", 5, unit="{letter}")
    ringside.record("measured", ms=3, labels={"model": "base"})
    environ["ringside.route"] = "/work"
    return "200 OK", [b"done"]


def _fail(environ):
    raise ValueError(environ["PATH_INFO"])


def _die(environ):
    with ringside.current_request().stage("last"):
        os.kill(os.getpid(), signal.SIGKILL)


PATHS = {"/work": _work, "/fail": _fail, "/die": _die}


def application(environ, start_response):
    """The WSGI application, not measured yet."""
    status, body = PATHS.get(environ["PATH_INFO"], lambda _: ("404 Not Found", [b"?"]))(environ)
    start_response(status, [("Content-Type", "text/plain")])
    return body


application = ringside.wsgi.Middleware(application)
