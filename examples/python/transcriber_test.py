"""How a project's own tests look at what was recorded: no agent, no server."""

import pytest
import ringside
from ringside.testing import capture


def transcribe(path):
    with ringside.request("transcribe", file=path, model="base") as request:
        with request.stage("decode") as stage:
            if not path.endswith(".wav"):
                raise ValueError(path)
            stage.value("words", 42, unit="{word}")
        ringside.count("files")


def test_what_a_transcription_records():
    with capture() as seen:
        transcribe("a.wav")
    assert seen.requests[0]["operation"] == "transcribe"
    assert seen.requests[0]["attributes"]["file"] == "a.wav"
    assert [step["name"] for step in seen.requests[0]["steps"]] == ["decode"]
    assert seen.counts == {"files": 1}


def test_a_file_that_is_no_audio():
    with capture() as seen, pytest.raises(ValueError):
        transcribe("a.txt")
    assert seen.requests[0]["error"]["type"] == "ValueError"
