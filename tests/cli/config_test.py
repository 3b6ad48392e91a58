"""The configuration file with the real daemons: --check, what overrides what, SIGHUP."""

import pathlib
import re
import shutil
import signal
import tempfile
import threading
import time

import pytest


@pytest.fixture(name="config")
def config_file(tmp_path):
    return tmp_path / "ringside.yaml"


@pytest.mark.parametrize("command", ["agent", "aggregator", "up"])
def test_check_says_ok_and_ends(cli, config, command):
    config.write_text("samplers:\n  host: {interval: 5s}\n")
    result = cli.run(command, "--config", config, "--check")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{config}: ok\n", "")
    assert cli.run(command, "--check").returncode == 0


@pytest.mark.parametrize("command", ["agent", "aggregator", "up"])
def test_a_wrong_file_is_named_with_its_line(cli, config, command):
    config.write_text("agent:\n  host: a\n  stat: /x\n")
    for arguments in ([command, "--config", config, "--check"], [command, "--config", config]):
        result = cli.run(*arguments)
        assert result.returncode == 1
        assert result.stderr == (f"ringside: {config}:3:3: unknown key \"agent.stat\": "
                                 "did you mean \"agent.state\"?\n")


def test_a_missing_file_and_wrong_rules_are_found(cli, config, tmp_path):
    result = cli.run("agent", "--config", config, "--check")
    assert result.returncode == 1 and f"{config}: cannot be read" in result.stderr
    rules = tmp_path / "rules.yaml"
    rules.write_text("groups: 5\n")
    config.write_text(f"aggregator: {{rules: {rules}}}\n")
    result = cli.run("up", "--config", config, "--check")
    assert result.returncode == 1 and f"{rules}:1:9" in result.stderr


def examples():
    page = pathlib.Path(__file__).parents[2] / "docs" / "configuration.md"
    return re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("example", examples())
def test_the_pages_examples_are_good(cli, config, tmp_path, example):
    names = {"agent": "agent", "aggregator": "10.0.0.1", "second": "10.0.0.2"}
    for file, name in names.items():
        assert cli.run("keygen", tmp_path / f"{file}.key", "--name", name).returncode == 0
    public = {file: (tmp_path / f"{file}.key.pub").read_text() for file in names}
    (tmp_path / "aggregators.pub").write_text(public["aggregator"] + public["second"])
    (tmp_path / "parent.pub").write_text(public["second"])
    (tmp_path / "agents.allow").write_text(public["agent"])
    config.write_text(example.replace("/etc/ringside", str(tmp_path)))
    for command in ("agent", "aggregator"):
        result = cli.run(command, "--config", config, "--check")
        assert (result.returncode, result.stdout) == (0, f"{config}: ok\n"), result.stderr


@pytest.mark.parametrize("key, value, message", [
    ("group", "no-such-group-here", "group \"no-such-group-here\": there is none of that name"),
    ("metrics", "0.0.0.0:7752", "0.0.0.0:7752 is not loopback"),
    ("statsd", "10.1.2.3:8125", "only loopback is allowed"),
    ("statsd", "8125", "expected HOST:PORT"),
    ("directory", "/proc", "is not on tmpfs"),
    ("directory", "/proc/version", "segment directory /proc/version: Not a directory"),
])
def test_check_finds_what_would_stop_the_agent(cli, config, key, value, message):
    config.write_text(f"agent: {{{key}: \"{value}\"}}\n")
    result = cli.run("agent", "--config", config, "--check")
    assert result.returncode == 1, result.stdout
    assert message in result.stderr, result.stderr


class Agent:
    """A real agent whose log is read line by line while it runs."""

    def __init__(self, cli, config, root):
        self.segments = pathlib.Path(tempfile.mkdtemp(prefix="ringside-cli-", dir="/dev/shm"))
        self.lines = []
        self.process = cli.start("agent", "--config", config, "--dir", self.segments, "--state", root / "state",
                                 "--aggregator", f"ipc://{root}/nobody.sock")
        self.first = self.process.stdout.readline()
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def hang_up(self, expected):
        """SIGHUP; waits for a line that holds the text."""
        before = len(self.lines)
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while True:
            found = [line for line in self.lines[before:] if expected in line]
            if found:
                return found[0]
            assert time.monotonic() < deadline and self.process.poll() is None, self.lines
            time.sleep(0.02)


@pytest.fixture(name="agent")
def running_agent(cli, config, tmp_path):
    config.write_text("agent: {state: /nonexistent/never/used, host: one}\nsamplers: {host: {enabled: false}}\n")
    agent = Agent(cli, config, tmp_path)
    yield agent
    agent.process.kill()
    agent.process.wait()
    shutil.rmtree(agent.segments, ignore_errors=True)


def test_options_override_the_file(agent, tmp_path):
    assert f"state {tmp_path}/state" in agent.first


def test_hanging_up_reads_the_file_again(agent, config):
    config.write_text("agent: {host: two}\nsamplers: {host: {interval: 2s}}\n")
    line = agent.hang_up("configuration read again")
    assert "changed: samplers.host.enabled, samplers.host.interval" in line
    # Said again until it is done.
    assert "agent.host" in agent.hang_up("a restart is needed for")
    assert "nothing changed" in agent.hang_up("configuration read again")


def test_a_wrong_file_changes_nothing(agent, config):
    config.write_text("samplers:\n  host: {interval: soon}\n")
    line = agent.hang_up("configuration not changed")
    assert f"{config}:2:20: samplers.host.interval" in line
    config.write_text("agent: {host: one}\nsamplers: {host: {enabled: false}}\n")
    assert "nothing changed" in agent.hang_up("configuration read again")
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(timeout=30) == 0
