"""Bad input gets one clear line that names the thing and the mend; exit 1 or 2 where nothing can go on."""

import os
import pathlib
import socket
import subprocess

import pytest
from stack import RINGSIDE, Stack, free_port, wait_until


def run(*arguments, env=None):
    return subprocess.run([RINGSIDE, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(env or {})}, check=False)


def assert_refused(result, *words, code=1):
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert lines, "nothing on stderr"
    for word in words:
        assert word in result.stderr, result.stderr


def test_unknown_flag_is_a_usage_error():
    assert_refused(run("query", "--no-such-flag"), "--no-such-flag", code=2)


def test_unknown_command_is_a_usage_error():
    assert_refused(run("frobnicate"), "frobnicate", code=2)


def test_last_without_a_unit_asks_back():
    assert_refused(run("report", "--last", "10"), "--requests 10", "--last 10m", code=2)


def test_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(run("aggregator", "--listen", f"tcp://127.0.0.1:{port}", "--http", "127.0.0.1:0",
                           "--data", tmp_path), str(port), "--listen")
        assert_refused(run("aggregator", "--listen", f"tcp://127.0.0.1:{free_port()}", "--http",
                           f"127.0.0.1:{port}", "--data", tmp_path), str(port), "--http")


def test_beyond_loopback_is_refused(tmp_path):
    assert_refused(run("aggregator", "--data", tmp_path / "a", "--listen", "tcp://0.0.0.0:7750"),
                   "tcp://0.0.0.0:7750", "loopback", "ringside keygen")
    assert_refused(run("aggregator", "--data", tmp_path / "b", "--http", "0.0.0.0:7751"),
                   "0.0.0.0:7751", "loopback", "--token-file")
    assert not (tmp_path / "b" / "http-token").exists()


def test_sending_beyond_loopback_is_refused(tmp_path):
    with Stack() as stack:
        assert_refused(run("agent", "--dir", stack.host("a").segments, "--state", tmp_path, "--aggregator",
                           "tcp://10.0.0.1:7750"), "tcp://10.0.0.1:7750", "loopback", "ringside keygen")


def test_data_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(run("aggregator", "--data", tmp_path / "file" / "data", "--listen",
                       f"tcp://127.0.0.1:{free_port()}", "--http", "127.0.0.1:0"), str(tmp_path / "file"), "--data")


def test_segment_directory_off_tmpfs_is_refused(tmp_path):
    if subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True,
                      check=False).stdout.strip() == "tmpfs":
        tmp_path = pathlib.Path.cwd()
    assert_refused(run("agent", "--dir", tmp_path, "--state", tmp_path / "state"), str(tmp_path), "tmpfs")


@pytest.mark.parametrize("rule,reason", [
    ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: p99(x[1m) > 2s\n", "rules.yaml:5"),
    ("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: p99(x[1m]) > 2parsecs\n", "parsecs"),
    ("groups: {", "rules.yaml:"),
])
def test_broken_rule_is_refused_with_file_line_and_reason(tmp_path, rule, reason):
    rules = tmp_path / "rules.yaml"
    rules.write_text(rule)
    assert_refused(run("aggregator", "--data", tmp_path / "data", "--rules", rules, "--listen",
                       f"tcp://127.0.0.1:{free_port()}", "--http", "127.0.0.1:0"), "rules.yaml", reason)


def test_unreachable_server_is_named_and_the_archive_offered():
    port = free_port()
    assert_refused(run("query", "--server", f"http://127.0.0.1:{port}"), str(port), "--archive")


def test_second_up_says_who_runs():
    with Stack() as stack:
        host = stack.host("a")
        arguments = ["up", "--dir", host.segments, "--data", stack.data, "--listen", stack.endpoint,
                     "--http", stack.http]
        first = subprocess.Popen([RINGSIDE, *map(str, arguments)], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: stack.query() is not None, 20, "up answers")
            # It answers a moment before it has noted where.
            wait_until(lambda: stack.http in run(*arguments).stderr, 20, "up is there")
            assert_refused(run(*arguments), "already running", str(first.pid), stack.http)
        finally:
            first.terminate()
            first.wait(20)


def test_segment_of_another_version_is_refused_and_named():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        worker, _ = host.start_worker(records=10, linger_ms=600000)
        name = wait_until(host.segment_files, 60, "segment")[0]
        foreign = bytearray((host.segments / name).read_bytes()[:8192])
        foreign[8:10] = (7).to_bytes(2, "little")
        (host.segments / "00000000-0000-4000-8000-000000000000.seg").write_bytes(foreign)
        wait_until(lambda: "7.0" in host.agent.output() or "7." in host.agent.output(), 60, host.agent.output)
        wait_until(lambda: stack.merged("work")[0] == 10, 20, lambda: stack.merged("work"))
        worker.kill()


def test_unreadable_archive_line_is_named_and_the_rest_answers():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent()
        host.start_worker(operation="kept", records=100)[0].child.wait(30)
        wait_until(lambda: stack.merged("kept")[0] == 100, 20, lambda: stack.merged("kept"))
        host.agent.terminate()
        stack.aggregator.terminate()
        archive = sorted((stack.data / "archive").glob("2*.jsonl"))[-1]
        with open(archive, "a", encoding="utf-8") as out:
            out.write('{"type":"interval","series":\n')
        result = run("query", "kept", "--archive", stack.data, "--stat", "count", "--last", "1h", "--json")
        assert result.returncode == 0, result.stderr
        assert '"count":100' in result.stdout.replace(" ", "")
        assert archive.name in result.stderr
