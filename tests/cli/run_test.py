"""`ringside run -- COMMAND`: the command behaves as without it, and nothing is left behind."""

import json
import os
import signal
import subprocess
import time

import pytest


@pytest.mark.parametrize("script,code", [
    ("exit 0", 0),
    ("exit 3", 3),
    ("kill -TERM $$", 128 + signal.SIGTERM),
    ("kill -KILL $$", 128 + signal.SIGKILL),
])
def test_the_exit_code_is_passed_on_and_nothing_left_behind(cli, script, code):
    before = cli.left_behind()
    result = cli.run("run", "--", "sh", "-c", script)
    assert result.returncode == code, result.stderr
    assert cli.left_behind() == before


def test_input_and_output_are_the_commands_own(cli):
    result = cli.run("run", "--", "sh", "-c", "cat; echo err >&2", stdin="in\n")
    assert result.stdout == "in\n"
    assert "err\n" in result.stderr


def test_options_of_the_command_are_not_ours(cli):
    assert cli.run("run", "--", "echo", "--help", "--", "-x").stdout == "--help -- -x\n"


@pytest.mark.parametrize("command,code", [("/nowhere/worker", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_start_is_named(cli, command, code):
    before = cli.left_behind()
    result = cli.run("run", "--", command)
    assert result.returncode == code
    assert command in result.stderr
    assert cli.left_behind() == before


def test_the_segment_directory_is_private_and_on_tmpfs(cli):
    result = cli.run("run", "--", "sh", "-c", "echo $RINGSIDE_DIR; stat -c %a $RINGSIDE_DIR; stat -f -c %T $RINGSIDE_DIR")
    directory, mode, kind = result.stdout.splitlines()
    assert directory.startswith("/dev/shm/ringside-run-")
    assert (mode, kind) == ("700", "tmpfs")


def test_signals_reach_the_command(cli):
    before = cli.left_behind()
    child = cli.start("run", "--", "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode == 7
    assert cli.left_behind() == before


def test_the_report_holds_every_request(cli, worker):
    result = cli.run("run", "--", worker, "20", "2", "5")
    assert result.returncode == 5
    assert result.stdout == ""
    assert "20 requests, 18 successful, 2 failed" in result.stderr
    for words in ("transcribe", "decode", "post_processing", "timeout 2", "bottleneck"):
        assert words in result.stderr


def test_a_live_line_says_how_it_goes(cli, worker):
    # The command goes on until the line is there.
    child = cli.start("run", "--", "sh", "-c", f"{worker} 10 1; cat >/dev/null", stdin=subprocess.PIPE)
    line = next(line for line in child.stderr if "transcribe: 10 done, p50 " in line)
    assert line.endswith("1 error\n")
    child.communicate(timeout=60)


def test_a_command_that_records_nothing_gets_a_hint(cli):
    result = cli.run("run", "--", "true")
    assert "nothing was recorded" in result.stderr


def test_the_archive_is_kept_on_demand(cli, worker, tmp_path):
    kept = tmp_path / "kept"
    before = cli.left_behind()
    assert cli.run("run", "--keep", kept, "--", worker, "20", "2").returncode == 0
    assert cli.left_behind() == before

    result = cli.run("query", "transcribe", "--archive", kept, "--json", "--stat", "count,errors,p50")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["rows"]
    assert [(r["operation"], r["labels"], r["count"], r["errors"]) for r in rows] == [
        ("transcribe", {"model": "base"}, 20, 2)]

    text = cli.run("query", "--archive", kept, "--where", "outcome=error", "--by", "error_type").stdout
    assert "error_type" in text.splitlines()[0] and "timeout" in text
    report = json.loads(cli.run("report", "--archive", kept, "--requests", "3", "--json").stdout)
    assert report["totals"]["requests"] == 3
    assert {r["attributes"]["size_bytes"] for r in report["requests"]} == {1000}
    ledger = cli.run("ledger", "--archive", kept)
    assert ledger.returncode == 0, ledger.stdout
    assert ledger.stdout.endswith("balanced\n") and "NOT" not in ledger.stdout


def test_an_archive_is_not_mixed_with_other_files(cli, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("")
    result = cli.run("run", "--keep", tmp_path / "kept", "--", "true")
    assert result.returncode == 1
    assert str(tmp_path / "kept") in result.stderr and "--keep" in result.stderr


def test_many_processes_of_one_command_are_all_counted(cli, worker):
    result = cli.run("run", "--", "sh", "-c", f"for i in 1 2 3 4; do {worker} 25 0 & done; wait")
    assert result.returncode == 0
    assert "100 requests, 100 successful, 0 failed" in result.stderr


def test_what_a_killed_run_left_the_next_one_removes(cli):
    before = cli.left_behind()
    killed = cli.start("run", "--", "sh", "-c", "echo $$; exec sleep 60")
    orphan = int(killed.stdout.readline())
    killed.kill()
    killed.wait()
    os.kill(orphan, signal.SIGKILL)
    assert len(cli.left_behind()) == len(before) + 2
    assert cli.run("run", "--", "true").returncode == 0
    assert cli.left_behind() == before


def test_it_does_not_wait_for_what_the_command_left_running(cli):
    start = time.monotonic()
    result = cli.run("run", "--", "sh", "-c", "sleep 300 </dev/null >/dev/null 2>&1 & exit 4")
    assert result.returncode == 4
    assert time.monotonic() - start < 60
