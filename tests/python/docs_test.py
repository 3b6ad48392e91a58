"""docs/python.md: the programs that its snippets are parts of, run as they stand."""

import asyncio
import io
import json
import os
import pathlib
import re
import subprocess
import sys
from contextlib import redirect_stdout

import pytest
import ringside
from ringside.testing import capture

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "python"
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
SNIPPET = re.compile(r"<!-- snippet: (\S+) -->")

sys.path.insert(0, str(EXAMPLES))


def test_every_python_snippet_comes_from_a_program():
    blocks = PAGE.count("```python")
    files = SNIPPET.findall(PAGE)
    assert blocks == len(files) > 8
    # Those are run by this file, and by flask_test.py.
    assert {pathlib.Path(f).name for f in files} == {
        "api_tour.py", "llm_tour.py", "flask_app.py", "transcriber_test.py"}


def test_api_tour_records_what_the_page_says():
    code = ("import json, runpy, sys\nfrom ringside.testing import capture\n"
            "with capture() as seen: runpy.run_path(sys.argv[1], run_name='__main__')\n"
            "print(json.dumps([seen.requests, [r.name for r in seen.records]]))\n")
    result = subprocess.run([sys.executable, "-c", code, str(EXAMPLES / "api_tour.py")],
                            capture_output=True, text=True, check=True)
    requests, records = json.loads(result.stdout.splitlines()[-1])
    by_name = {request["operation"]: request for request in requests}
    transcribe = by_name["transcribe"]
    assert [s["name"] for s in transcribe["steps"]] == ["model_loading", "transcription", "upload"]
    assert transcribe["attributes"]["photo_id"] == 123 and transcribe["labels"] == {"model": "base"}
    assert transcribe["steps"][1]["attributes"] == {"tokens": 512, "language": "en"}
    assert by_name["chat"]["request_id"] == "chat-4711" and by_name["chat"]["outcome"] == "error"
    assert [s["name"] for s in by_name["book"]["steps"]] == ["read_page"] * 3
    assert sum(r["operation"] == "answer" for r in requests) == 3
    assert {"post_processing", "fetch", "ai_inference", "image_processing", "cache_hits",
            "queue_depth", "prompt_chars", "circuit_open", "resize", "pixels",
            "transcribe/transcription/tokens"} <= set(records)


def test_llm_tour_records_what_the_page_says():
    import llm_tour as tour

    chunks = [{"message": {"content": "Blue"}, "done": False}, {**tour.ollama_answer, "done": True}]

    async def later(question):
        for chunk in chunks:
            yield chunk

    sent = []
    with capture() as seen, redirect_stdout(io.StringIO()):
        tour.chat(lambda question: tour.ollama_answer, "Why is the sky blue?")
        tour.chat_streamed(lambda question: iter(chunks), "Why?")
        asyncio.run(tour.chat_streamed_async(later, "Why?"))
        tour.load()
        summary = tour.call_another_service(
            lambda headers: sent.append(headers),
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    operations = [request["operation"] for request in seen.requests]
    assert operations == ["chat", "chat", "chat", "model_load", "summarise"]
    assert seen.requests[0]["attributes"]["llm.tokens_per_second"] == 36
    assert [s["name"] for s in seen.requests[1]["steps"]] == ["llm.stream"]
    assert sent == [{"traceparent": f"00-{summary['attributes']['trace_id']}-"
                                    f"{summary['attributes']['span_id']}-01"}]
    # Every series of the table, and none that is not in it.
    table = set(re.findall(r"^\| `(llm\.\w+)`", PAGE, re.MULTILINE))
    mine = {r.name for r in seen.records if r.name.startswith("llm.")}
    assert mine | {"llm.cached_tokens", "llm.stream"} == table


def test_the_users_test_of_the_page_passes():
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         str(EXAMPLES / "transcriber_test.py")],
        capture_output=True, text=True, env=dict(os.environ), check=False)
    assert result.returncode == 0 and "2 passed" in result.stdout, result.stdout


# In `ringside.performance` and `environ["ringside.route"]` it is a part of other names.
NAMES = set(re.findall(r"\bringside\.(\w+)", PAGE)) - {"performance", "route"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_on_the_page_is_there(name):
    repr(getattr(ringside, name))
