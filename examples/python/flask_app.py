"""A web service whose every request is measured: where its time goes, by route.

Run it: ringside run -- gunicorn --workers 2 --chdir examples/python flask_app:app
Then:   curl http://127.0.0.1:8000/words/the%20quick%20brown%20fox
"""

import ringside
from flask import Flask, jsonify

app = Flask(__name__)
# A request `http` each, with the labels method, route (`/words/<text>`) and status (`2xx`).
app.wsgi_app = ringside.WSGIMiddleware(app.wsgi_app)


@app.get("/words/<text>")
def words(text):
    """How often each word comes up in the text."""
    request = ringside.current_request()
    with request.stage("split") as stage:
        found = text.lower().split()
        stage.value("words", len(found), unit="{word}")
    with request.stage("tally"):
        tally = {word: found.count(word) for word in set(found)}
    ringside.count("texts")
    return jsonify(tally)


@app.get("/numbers/<int:last>")
def numbers(last):
    """A line for each number, as a stream: the request ends with its last line."""
    lines = (f"{number}\n" for number in range(1, last + 1))
    return app.response_class(lines, mimetype="text/plain")


@app.get("/broken")
def broken():
    """An exception: an error of the type ZeroDivisionError in the statistics."""
    return str(1 / 0)
