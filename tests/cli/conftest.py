"""What the tests of the command line share: the binaries, and a way to run them."""

import os
import pathlib
import subprocess

import pytest

RINGSIDE = os.environ["RINGSIDE_BIN"]
WORKER = os.environ["RINGSIDE_CLI_WORKER"]
SHM = pathlib.Path("/dev/shm")


class CommandLine:
    """Runs `ringside` with a home of its own, so that no test meets a user's data."""

    def __init__(self, root):
        self.root = root
        self.temporary = root / "tmp"
        self.temporary.mkdir()
        self.environment = {**os.environ, "HOME": str(root), "TMPDIR": str(self.temporary)}
        for name in ("XDG_STATE_HOME", "RINGSIDE_SERVER", "RINGSIDE_TOKEN", "RINGSIDE_DIR"):
            self.environment.pop(name, None)

    def start(self, *arguments, **options):
        return subprocess.Popen([RINGSIDE, *map(str, arguments)], text=True, env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *arguments, stdin="", env=None):
        return subprocess.run([RINGSIDE, *map(str, arguments)], capture_output=True, text=True, input=stdin,
                              timeout=60, env={**self.environment, **(env or {})}, check=False)

    def left_behind(self):
        """Whatever a private stack may have forgotten."""
        return sorted(map(str, [*self.temporary.iterdir(), *SHM.glob("ringside-run-*")]))


@pytest.fixture(name="cli")
def command_line(tmp_path):
    return CommandLine(tmp_path)


@pytest.fixture(name="worker")
def worker_binary():
    return WORKER
