"""The command line itself: help, versions, usage errors and their exit codes."""

import json

import pytest

COMMANDS = ["up", "run", "agent", "aggregator", "query", "report", "ledger", "shm", "keygen", "doctor"]


def one_line(result):
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("ringside: "), lines
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(cli, command):
    result = cli.run(command, "--help")
    assert result.returncode == 0
    assert "Examples:" in result.stdout and f"ringside {command}" in result.stdout
    assert result.stderr == ""


def test_help_names_every_command(cli):
    result = cli.run("--help")
    assert result.returncode == 0
    for command in COMMANDS:
        assert f"  {command} " in result.stdout


def test_version(cli):
    result = cli.run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("ringside ") and result.stdout.strip()[-1].isdigit()


@pytest.mark.parametrize("arguments,words", [
    ([], ["no command", "ringside --help"]),
    (["frobnicate"], ["unknown command frobnicate"]),
    (["--frobnicate"], ["unknown option --frobnicate"]),
    (["query", "--frobnicate"], ["unknown option --frobnicate", "ringside query --help"]),
    (["query", "a", "b"], ["unknown argument b"]),
    (["query", "--last", "10"], ["--requests 10", "--last 10m"]),
    (["report", "--last", "10"], ["--requests 10", "--last 10m"]),
    (["query", "--last", "soon"], ["--last", "soon"]),
    (["query", "--from", "tomorrow"], ["--from", "tomorrow"]),
    (["query", "--last", "1m", "--from", "2024-05-31"], ["--from", "--last"]),
    (["query", "--where", "model"], ["--where", "model"]),
    (["query", "--by", ""], ["--by"]),
    (["query", "--stat", "count,p101"], ["--stat", "p101"]),
    (["query", "--sort", "size"], ["--sort", "size"]),
    (["query", "--limit", "many"], ["--limit", "many"]),
    (["query", "--stat"], ["--stat"]),
    (["report", "--requests", "0"], ["--requests"]),
    (["report", "--requests", "5", "--last", "10m"], ["--requests"]),
    (["ledger", "--server", "http://127.0.0.1:1", "--archive", "x"], ["--server", "--archive"]),
    (["run"], ["ringside run -- COMMAND"]),
    (["run", "true"], ["ringside run -- true"]),
    (["run", "--"], ["ringside run -- COMMAND"]),
])
def test_usage_errors_are_one_line_and_exit_2(cli, arguments, words):
    result = cli.run(*arguments)
    assert result.returncode == 2, (result.stdout, result.stderr)
    assert result.stdout == ""
    for word in words:
        assert word in one_line(result)


@pytest.mark.parametrize("command", ["query", "report", "ledger"])
def test_unreachable_server_is_named_and_the_archive_offered(cli, command):
    result = cli.run(command, "--server", "http://127.0.0.1:1")
    assert result.returncode == 1
    assert "http://127.0.0.1:1" in one_line(result) and "--archive" in result.stderr


def test_the_environment_names_the_default_server(cli):
    result = cli.run("query", env={"RINGSIDE_SERVER": "127.0.0.1:2"})
    assert result.returncode == 1
    assert "http://127.0.0.1:2:" in one_line(result)


@pytest.mark.parametrize("server", ["https://localhost", "localhost:notaport", "ftp://x"])
def test_a_server_that_cannot_be_meant_is_refused(cli, server):
    result = cli.run("query", "--server", server)
    assert result.returncode == 1
    assert server in one_line(result) and "http://HOST:PORT" in result.stderr


def test_an_archive_that_is_not_there_is_named(cli, tmp_path):
    result = cli.run("query", "--archive", tmp_path / "nowhere")
    assert result.returncode == 1
    assert str(tmp_path / "nowhere") in one_line(result) and "--archive" in result.stderr


def test_an_empty_archive_answers_with_no_rows(cli, tmp_path):
    (tmp_path / "data" / "archive").mkdir(parents=True)
    result = cli.run("query", "--archive", tmp_path / "data", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["rows"] == []
    assert "no samples" in cli.run("query", "--archive", tmp_path / "data").stdout
    assert "no operations" in cli.run("report", "--archive", tmp_path / "data").stdout
