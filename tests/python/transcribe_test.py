"""The example on real speech in a pool of processes, watched by `ringside run`."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("pocketsphinx")

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/python/transcribe.py"
SPEECH = pathlib.Path("/usr/share/pocketsphinx/test/data")


def ringside(*arguments):
    # `ringside run` gives its command a directory of its own.
    environment = {key: value for key, value in os.environ.items() if key != "RINGSIDE_DIR"}
    result = subprocess.run([os.environ["RINGSIDE_BIN"], *map(str, arguments)], capture_output=True,
                            text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_speech_becomes_words_and_the_pools_requests_are_all_there(tmp_path):
    truncated = tmp_path / "truncated.wav"
    truncated.write_bytes((SPEECH / "cards/003.wav").read_bytes()[:20000])
    missing = tmp_path / "missing.wav"
    good = [SPEECH / "cards/001.wav", SPEECH / "cards/004.wav", SPEECH / "goforward.raw"]
    kept = tmp_path / "kept"
    output = ringside("run", "--keep", kept, "--", sys.executable, EXAMPLE, "--model", "fast",
                      "--workers", 2, "--files", *good, truncated, missing)
    lines = [line.split("\t") for line in output.splitlines() if line.count("\t") == 5]
    assert [(line[0], line[1], line[2]) for line in lines] == [
        *(("ok", "fast", str(file)) for file in good), ("error", "fast", str(truncated)),
        ("error", "fast", str(missing))]
    assert lines[0][5] == "ten of clubs"

    report = json.loads(ringside("report", "--archive", kept, "--last", "1h", "--json"))
    assert (report["totals"]["requests"], report["totals"]["successful"]) == (5, 3)
    assert report["totals"]["attributes"]["size_bytes"]["sum"] == sum(
        file.stat().st_size for file in good)
    operation, = report["operations"]
    assert operation["errors_by_type"] == {"missing_file": 1, "truncated_file": 1}
    stages = {stage["stage"]: stage.get("count") for stage in operation["stages"]}
    assert (stages["read_audio"], stages["decode"], stages["post_processing"]) == (5, 3, 3)
    assert stages["model_loading"] in (1, 2)  # once in each process that decoded
    by_file = {request["attributes"]["file"]: request for request in report["requests"]}
    assert by_file[str(missing)]["error"]["type"] == "missing_file"
    assert by_file[str(good[0])]["attributes"]["words"] == 3

    def row(name, *arguments):
        answer = ringside("query", name, "--archive", kept, "--last", "1h", "--json", *arguments)
        found, = json.loads(answer)["rows"]
        return found

    requests = row("transcribe", "--by", "model", "--stat", "count")
    assert (requests["labels"], requests["count"]) == ({"model": "fast"}, 5)
    words = row("words", "--by", "model", "--stat", "count,sum")
    assert words["labels"] == {"model": "fast"}
    assert (words["count"], words["sum"]) == (3, sum(int(line[4]) for line in lines))
    assert row("real_time_factor", "--by", "model", "--stat", "count,min")["min"] > 0
