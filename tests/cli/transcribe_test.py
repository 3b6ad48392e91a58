"""The main job on real input: human speech through pocketsphinx, watched by `ringside run`."""

import json
import os
import pathlib
import subprocess

TRANSCRIBE = os.environ["TRANSCRIBE"]
SPEECH = pathlib.Path("/usr/share/pocketsphinx/test/data")


def test_speech_becomes_words_and_the_words_requests(cli, tmp_path):
    truncated = tmp_path / "truncated.wav"
    truncated.write_bytes((SPEECH / "cards/003.wav").read_bytes()[:20000])
    missing = tmp_path / "missing.wav"
    good = [SPEECH / "cards/001.wav", SPEECH / "cards/004.wav"]
    kept = tmp_path / "kept"
    result = cli.run("run", "--keep", kept, "--", TRANSCRIBE, "--model", "fast", "--files", *good, truncated,
                     missing)
    assert result.returncode == 0, result.stderr

    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(line[0], line[1], line[2]) for line in lines] == [
        ("ok", "fast", str(good[0])), ("ok", "fast", str(good[1])), ("error", "fast", str(truncated)),
        ("error", "fast", str(missing))]
    assert lines[0][5] == "ten of clubs"

    report = json.loads(cli.run("report", "--archive", kept, "--last", "1h", "--json").stdout)
    assert (report["totals"]["requests"], report["totals"]["successful"]) == (4, 2)
    assert report["totals"]["attributes"]["size_bytes"]["sum"] == sum(f.stat().st_size for f in good)
    operation, = report["operations"]
    assert operation["errors_by_type"] == {"missing_file": 1, "truncated_file": 1}
    stages = {s["stage"]: s.get("count") for s in operation["stages"]}
    assert stages["read_audio"] == 4
    assert (stages["model_loading"], stages["decode"], stages["post_processing"]) == (2, 2, 2)
    by_file = {r["attributes"]["file"]: r for r in report["requests"]}
    assert by_file[str(missing)]["error"]["type"] == "missing_file"
    assert by_file[str(good[0])]["attributes"]["words"] == 3

    def rows(name, *arguments):
        answer = cli.run("query", name, "--archive", kept, "--last", "1h", "--json", *arguments)
        return json.loads(answer.stdout)["rows"]

    words, = rows("words", "--by", "model", "--stat", "count,sum")
    assert words["labels"] == {"model": "fast"}
    assert (words["count"], words["sum"]) == (2, sum(int(line[4]) for line in lines))
    wrong, = rows("word_error_rate", "--stat", "count,max")
    assert wrong["count"] == 2 and wrong["max"] == 0
    speed, = rows("real_time_factor", "--stat", "count,min")
    assert speed["count"] == 2 and speed["min"] > 0


def test_work_is_shared_without_gaps_or_repeats():
    seen = []
    for worker in ("1/2", "2/2"):
        result = subprocess.run([TRANSCRIBE, "--worker", worker, "--files", "/a", "/b", "/c"], text=True,
                                capture_output=True, check=True)
        seen += [line.split("\t")[2] for line in result.stdout.splitlines()]
    assert sorted(seen) == ["/a", "/b", "/c"]


def test_bad_options_are_named():
    for arguments, word in ((["--worker", "3/2"], "3/2"), (["--model", "huge"], "huge"),
                            (["--config", "/nowhere"], "/nowhere")):
        result = subprocess.run([TRANSCRIBE, *arguments], text=True, capture_output=True, check=False)
        assert result.returncode != 0 and word in result.stderr
