"""Who gets in over HTTP, and what slow and many connections can do: the real binary, slowhttptest of Debian."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from stack import RINGSIDE, Stack, free_port, wait_until

RULES = b"groups:\n- name: g\n  rules:\n  - alert: Slow\n    expr: p99(decode[1m]) > 2s\n"
TOKEN = "0123456789abcdef0123456789abcdef"


def ask(url, body=None, **headers):
    """(status, body) of a GET, or of a POST with a body."""
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def token_file(stack, mode=0o600):
    file = stack.root / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(mode)
    return file


def start_beyond_loopback(stack, *extra):
    stack.http = f"0.0.0.0:{free_port()}"
    stack.start_aggregator("--token-file", token_file(stack), *extra)
    stack.http = stack.http.replace("0.0.0.0", "127.0.0.1")
    wait_until(lambda: "agents connect" in stack.aggregator.output(), 20, stack.aggregator.output)


def test_up_makes_a_token_and_changes_need_it():
    with Stack() as stack:
        host = stack.host("a")
        arguments = [RINGSIDE, "up", "--dir", host.segments, "--data", stack.data, "--listen", stack.endpoint,
                     "--http", stack.http]
        tokens = []
        for _ in range(2):
            up = subprocess.Popen([*map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            try:
                file = re.search(r"token (\S+)$", up.stdout.readline()).group(1)
                assert file == str(stack.data / "http-token")
                assert (stack.data / "http-token").stat().st_mode & 0o7777 == 0o600
                tokens.append((stack.data / "http-token").read_text().strip())
                url = f"http://{stack.http}/api/v1/rules/check"
                assert ask(url, RULES)[0] == 401
                status, body = ask(url, RULES, Authorization="Bearer " + tokens[-1])
                assert status == 200 and json.loads(body)["rules"][0]["alert"] == "Slow"
                status, body = ask(url, RULES.replace(b"p99", b"p999"), Authorization="Bearer " + tokens[-1])
                assert status == 400 and b"rules:5:" in body
                assert ask(f"http://{stack.http}/api/v1/query")[0] == 200
            finally:
                up.terminate()
                up.wait(20)
        assert tokens[0] == tokens[1] and len(tokens[0]) == 64


def test_beyond_loopback_commands_show_the_token():
    with Stack() as stack:
        start_beyond_loopback(stack)
        server = ("--server", f"http://{stack.http}")
        for command in (["query"], ["report"], ["ledger"], ["inflight"]):
            refused = stack.run(*command, *server)
            assert refused.returncode == 1 and "--token-file" in refused.stderr and "RINGSIDE_TOKEN" in refused.stderr
            assert stack.run(*command, *server, "--token-file", stack.root / "token").returncode == 0
            shown = subprocess.run([RINGSIDE, *command, *server], env={"RINGSIDE_TOKEN": TOKEN}, timeout=60,
                                   capture_output=True, text=True, check=False)
            assert shown.returncode == 0, shown.stderr
        wrong = subprocess.run([RINGSIDE, "query", *server], env={"RINGSIDE_TOKEN": TOKEN + "x"}, timeout=60,
                               capture_output=True, text=True, check=False)
        assert wrong.returncode == 1 and "not this server's" in wrong.stderr and TOKEN not in wrong.stderr
        # A line end in it would be a header of its own.
        bad = subprocess.run([RINGSIDE, "query", *server], env={"RINGSIDE_TOKEN": TOKEN + "\r\nX: y"}, timeout=60,
                             capture_output=True, text=True, check=False)
        assert bad.returncode == 1 and "RINGSIDE_TOKEN: expected one token" in bad.stderr
        assert TOKEN not in stack.aggregator.output()


def test_a_token_that_others_may_read_is_refused():
    with Stack() as stack:
        file = token_file(stack, 0o644)
        refused = stack.run("aggregator", "--data", stack.data, "--listen", stack.endpoint, "--http", stack.http,
                            "--token-file", file)
        assert refused.returncode == 1 and f"chmod 600 {file}" in refused.stderr
        client = stack.run("query", "--token-file", file)
        assert client.returncode == 1 and f"chmod 600 {file}" in client.stderr


def test_names_are_allowed_by_configuration():
    with Stack() as stack:
        stack.start_aggregator("--http-hosts", "ringside.example, gpu-1")
        url = f"http://{stack.http}/healthz"
        wait_until(lambda: "agents connect" in stack.aggregator.output(), 20, stack.aggregator.output)
        assert ask(url, Host="ringside.example:7751")[0] == 200
        assert ask(url, Host="evil.example")[0] == 403
        bad = stack.run("aggregator", "--data", stack.root / "other", "--listen", f"tcp://127.0.0.1:{free_port()}",
                        "--http", "127.0.0.1:0", "--http-hosts", "http://ringside.example")
        assert bad.returncode == 1 and "--http-hosts" in bad.stderr and "http://ringside.example" in bad.stderr


@pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="needs slowhttptest")
@pytest.mark.parametrize("attack", [
    ["-H", "-i", "1"],
    # To the one path that reads a body, with the token, which the tool has no option for.
    ["-B", "-i", "1", "-s", "8192", "-f", f"application/yaml\r\nAuthorization: Bearer {TOKEN}"],
    ["-X", "-w", "1", "-y", "2", "-n", "1", "-z", "1", "-k", "3"],
], ids=["slow_headers", "slow_body", "slow_read"])
def test_slow_clients_keep_nobody_out(attack):
    with Stack() as stack:
        stack.start_aggregator("--token-file", token_file(stack))
        url = f"http://{stack.http}/metrics"
        wait_until(lambda: "agents connect" in stack.aggregator.output(), 20, stack.aggregator.output)
        target = url.replace("/metrics", "/api/v1/rules/check") if "-B" in attack else url
        attacker = subprocess.Popen(
            ["slowhttptest", *attack, "-c", "600", "-r", "300", "-l", "60", "-p", "3", "-u", target],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        answers = 0
        descriptors = f"/proc/{stack.aggregator.child.pid}/fd"
        most = 0
        end = time.monotonic() + 4
        while attacker.poll() is None and (time.monotonic() < end or answers <= 10):
            assert ask(url)[0] == 200
            most = max(most, len(os.listdir(descriptors)))
            answers += 1
            time.sleep(0.05)
        attacker.kill()
        assert answers > 10, attacker.communicate()[0]
        assert most < 64 + 64, "connections of one client are bounded"
        assert stack.aggregator.running() and ask(url)[0] == 200
