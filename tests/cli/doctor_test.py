"""`ringside doctor`: what is seen, what is not, why, and the mend."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest


@pytest.fixture(name="segments")
def segment_directory():
    path = pathlib.Path(tempfile.mkdtemp(prefix="ringside-cli-", dir="/dev/shm"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Doctor:
    """Asks the doctor about one made-up machine; every answer is looked at by name."""

    def __init__(self, cli, segments, root):
        self.cli = cli
        self.segments = segments
        self.tree = root / "tree"
        for name in ("proc/pressure", "sys"):
            (self.tree / name).mkdir(parents=True)
        self.config = root / "doctor.yaml"
        self.config.write_text(f"samplers: {{proc: {self.tree}/proc, sys: {self.tree}/sys, "
                               "nvidia: {library: libno-such-nvml.so.1}}\n")
        self.options = {"--dir": segments, "--aggregator": f"ipc://{root}/nobody.sock",
                        "--server": "http://127.0.0.1:1", "--state": root / "state"}

    def arguments(self):
        return ["doctor", "--config", self.config, *(word for pair in self.options.items() for word in pair)]

    def run(self):
        result = self.cli.run(*self.arguments(), "--json")
        answer = json.loads(result.stdout)
        assert result.returncode == (0 if answer["ok"] else 1), result.stderr
        return {finding["thing"]: finding for finding in answer["findings"]}

    def until(self, good, seconds=60):
        """Asks until the answer is good: the doctor waits two seconds for one, and a busy machine may take longer."""
        deadline = time.monotonic() + seconds
        while not good(found := self.run()) and time.monotonic() < deadline:
            pass
        return found

    def write(self, name, text):
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(name="doctor")
def a_doctor(cli, segments, tmp_path):
    return Doctor(cli, segments, tmp_path)


def test_a_machine_without_anything(doctor):
    found = doctor.run()
    states = {thing: finding["state"] for thing, finding in found.items()}
    assert states["segments"] == "ok" and "tmpfs" in found["segments"]["seen"]
    for thing in ("workers", "agent", "clock", "gpu.nvidia", "gpu.other", "pressure", "cgroup"):
        assert states[thing] == "note", found[thing]
        assert found[thing].get("mend"), "each says what to do"
    assert states["aggregator"] == states["http"] == "wrong"
    assert "nobody.sock" in found["aggregator"]["seen"]
    assert "libno-such-nvml.so.1" in found["gpu.nvidia"]["seen"]
    assert "loopback" in found["keys"]["seen"]


def test_a_machine_with_everything(doctor):
    doctor.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
    doctor.write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
    doctor.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
    doctor.write("sys/class/drm/card0/device/vendor", "0x1002\n")
    doctor.write("sys/class/drm/card1/device/vendor", "0x8086\n")
    found = doctor.run()
    for thing in ("clock", "pressure", "cgroup", "gpu.other"):
        assert found[thing]["state"] == "ok", found[thing]
    assert "card0 (AMD), card1 (Intel)" in found["gpu.other"]["seen"]


def test_a_gpu_driver_without_its_library_is_wrong(doctor):
    doctor.write("proc/driver/nvidia/version", "NVRM version: 570\n")
    found = doctor.run()["gpu.nvidia"]
    assert found["state"] == "wrong" and "libnvidia-ml1" in found["mend"]


def test_a_running_stack_is_seen(doctor, worker, tmp_path):
    endpoint = f"ipc://{tmp_path}/wire.sock"
    subprocess.run([worker, "3", "0"], check=True,
                   env={**doctor.cli.environment, "RINGSIDE_DIR": str(doctor.segments)})
    assert "0 alive, 1 segments of workers that ended" in doctor.run()["workers"]["seen"]
    up = doctor.cli.start("up", "--dir", doctor.segments, "--data", tmp_path / "data", "--listen", endpoint,
                          "--http", "127.0.0.1:0")
    try:
        url = "http://127.0.0.1:" + up.stdout.readline().split("http://127.0.0.1:")[1].split()[0].rstrip(",/")
        doctor.options["--aggregator"] = endpoint
        doctor.options["--server"] = url
        things = ("segments", "agent", "aggregator", "http", "state")
        found = doctor.until(lambda found: all(found[thing]["state"] == "ok" for thing in things))
        for thing in things:
            assert found[thing]["state"] == "ok", found[thing]
        assert f"pid {up.pid} " in found["agent"]["seen"]
        # It gives the aggregator two seconds to answer, each time.
        assert any(doctor.cli.run(*doctor.arguments()).returncode == 0 for _ in range(20))
    finally:
        up.kill()
        up.communicate()


def test_keys_that_fit_and_keys_that_do_not(doctor, tmp_path):
    keys = {name: tmp_path / name for name in ("aggregator", "agent", "stranger")}
    for key in keys.values():
        assert doctor.cli.run("keygen", key).returncode == 0
    allow = tmp_path / "agent.pub"
    endpoint = f"ipc://{tmp_path}/wire/wire.sock"
    aggregator = doctor.cli.start("aggregator", "--data", tmp_path / "data", "--listen", endpoint, "--http",
                                  "127.0.0.1:0", "--key", keys["aggregator"], "--allow", allow)
    try:
        assert "ringside aggregator" in aggregator.stdout.readline()
        doctor.options["--aggregator"] = endpoint
        found = doctor.until(lambda found: found["aggregator"]["state"] == "ok"
                             and "asks for keys" in found["keys"].get("mend", ""))
        assert found["aggregator"]["state"] == "ok", "it is there"
        assert found["keys"]["state"] == "wrong" and "asks for keys" in found["keys"]["mend"]
        doctor.options |= {"--key": keys["agent"], "--aggregator-key": tmp_path / "aggregator.pub"}
        found = doctor.until(lambda found: "taken by" in found["keys"]["seen"])["keys"]
        assert found["state"] == "ok" and "taken by" in found["seen"]
        assert allow.read_text().split()[1] in found["seen"], "the public key, for the allow-list"
        doctor.options["--key"] = keys["stranger"]
        found = doctor.until(lambda found: "allow-list" in found["keys"].get("mend", ""))["keys"]
        assert found["state"] == "wrong" and "allow-list" in found["mend"]
        doctor.options |= {"--key": keys["agent"], "--aggregator-key": tmp_path / "stranger.pub"}
        found = doctor.until(lambda found: found["keys"]["state"] == "wrong")["keys"]
        assert found["state"] == "wrong", "another aggregator than it should be"
        keys["agent"].chmod(0o644)
        found = doctor.run()["keys"]
        assert found["state"] == "wrong" and f"chmod 600 {keys['agent']}" in found["seen"]
    finally:
        aggregator.kill()
        aggregator.communicate()


def test_who_listens_but_is_no_aggregator(doctor):
    with socket.create_server(("127.0.0.1", 0)) as server:
        doctor.options["--aggregator"] = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        process = doctor.cli.start(*doctor.arguments(), "--json")
        connection, _ = server.accept()
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(11)
        connection.close()
        answer = json.loads(process.communicate(timeout=30)[0])
    found = {finding["thing"]: finding for finding in answer["findings"]}["aggregator"]
    assert found["state"] == "wrong" and "no ZeroMQ" in found["seen"]


def test_directories_that_do_not_work(doctor, tmp_path):
    doctor.options["--dir"] = tmp_path  # a disk
    if subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True,
                      check=True).stdout.strip() != "tmpfs":
        found = doctor.run()["segments"]
        assert found["state"] == "wrong" and "not on tmpfs" in found["seen"]
    doctor.options["--dir"] = doctor.segments
    doctor.segments.chmod(0o777)
    found = doctor.run()["segments"]
    assert found["state"] == "wrong" and "1777" in found["mend"]
    doctor.options["--dir"] = doctor.segments / "none"
    assert doctor.run()["segments"]["state"] == "note"
    doctor.options["--dir"] = doctor.config / "below-a-file"
    assert doctor.run()["segments"]["state"] == "wrong"
    doctor.options["--state"] = doctor.config / "below-a-file"
    assert doctor.run()["state"]["state"] == "wrong"


def test_a_segment_that_is_none_is_named(doctor):
    name = "00000000-0000-4000-8000-000000000000.seg"
    (doctor.segments / name).write_bytes(b"x" * 8192)
    found = doctor.run()["workers"]
    assert found["state"] == "wrong" and name in found["seen"]


def test_the_text_fits_80_columns(doctor):
    result = doctor.cli.run(*doctor.arguments())
    lines = result.stdout.splitlines()
    long_words = (str(doctor.segments), str(doctor.tree), str(doctor.options["--aggregator"]), "state")
    for line in lines:
        assert len(line) <= 80 or any(word in line for word in long_words), line
    assert max(map(len, lines)) > 70, "and uses them"
    assert lines[0].split()[:2] == ["ok", "segments"]
    assert any(line.startswith("WRONG  aggregator    ") for line in lines)
    assert "wrong, " in lines[-1] and lines[-1].endswith("to note")


def test_a_wrong_configuration_is_said_in_one_line(doctor):
    doctor.config.write_text("agents: {}\n")
    result = doctor.cli.run(*doctor.arguments())
    assert result.returncode == 1 and result.stdout == ""
    assert "unknown key \"agents\": did you mean \"agent\"?" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_of_somebody_else_is_named(doctor):
    doctor.options["--dir"] = "/proc/1/cwd"
    assert doctor.run()["segments"]["state"] == "wrong"
