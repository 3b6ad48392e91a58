"""`ringside keygen`, and what the daemons say of key files."""

import os
import re
import stat

import pytest


@pytest.fixture(name="key")
def key_file(cli, tmp_path):
    path = tmp_path / "agent.key"
    result = cli.run("keygen", path, "--name", "gpu-01")
    assert (result.returncode, result.stderr) == (0, "")
    assert str(path) in result.stdout and f"{path}.pub" in result.stdout
    return path


def public(key):
    return key.with_name(key.name + ".pub")


def test_the_two_halves(cli, key, tmp_path):
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert re.fullmatch(r"gpu-01 [0-9a-f]{64}\n", public(key).read_text())
    secret = re.search(r"^secret ([0-9a-f]{64})$", key.read_text(), re.M).group(1)
    assert secret not in public(key).read_text()
    other = tmp_path / "other.key"
    assert cli.run("keygen", other).returncode == 0
    assert public(other).read_text().split()[0] == os.uname().nodename
    assert public(other).read_text().split()[1] != public(key).read_text().split()[1]


def test_nothing_is_overwritten(cli, key):
    before = key.read_text(), public(key).read_text()
    result = cli.run("keygen", key)
    assert result.returncode == 1 and f"{key}: is there already" in result.stderr
    key.unlink()
    result = cli.run("keygen", key)
    assert result.returncode == 1 and f"{key}.pub: is there already" in result.stderr
    assert not key.exists(), "no secret without its public half"
    assert public(key).read_text() == before[1]


@pytest.mark.parametrize("arguments,words", [
    ([], ["FILE"]), (["a", "b"], ["unknown argument b"]), (["a", "--nme", "x"], ["unknown option --nme"])])
def test_usage_errors(cli, arguments, words):
    result = cli.run("keygen", *arguments)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr


def test_a_name_that_cannot_be_and_a_directory_that_is_not_there(cli, tmp_path):
    for name in ("a b", "secret", "x" * 65, "a/b"):
        result = cli.run("keygen", tmp_path / "k", "--name", name)
        assert result.returncode == 1 and "--name" in result.stderr
        assert not (tmp_path / "k").exists()
    result = cli.run("keygen", tmp_path / "none" / "k")
    assert result.returncode == 1 and "No such file" in result.stderr


def test_check_reads_the_key_files(cli, key, tmp_path):
    config = tmp_path / "ringside.yaml"
    config.write_text(f"agent: {{aggregator: 'tcp://10.0.0.1:7750', key: {key}, aggregator_key: {key}.pub}}\n"
                      f"aggregator: {{key: {key}, allow: {key}.pub}}\n")
    for command in ("agent", "aggregator"):
        result = cli.run(command, "--config", config, "--check")
        assert (result.returncode, result.stderr) == (0, "")
    key.chmod(0o640)
    for command in ("agent", "aggregator"):
        result = cli.run(command, "--config", config, "--check")
        assert result.returncode == 1 and f"chmod 600 {key}" in result.stderr
    key.chmod(0o600)
    config.write_text("agent: {aggregator: 'tcp://10.0.0.1:7750'}\n")
    result = cli.run("agent", "--config", config, "--check")
    assert result.returncode == 1 and "ringside keygen" in result.stderr and "tcp://10.0.0.1:7750" in result.stderr
