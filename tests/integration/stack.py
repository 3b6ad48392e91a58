"""A real Ringside stack for tests: processes of the `ringside` binary, started, killed and queried.

One Stack is one aggregator; each Host has its own segment and state directories. Nothing is mocked:
segments are on tmpfs, sockets are TCP on loopback, and Kill is SIGKILL.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

RINGSIDE = os.environ["RINGSIDE_BIN"]
WORKER = os.environ["RINGSIDE_WORKER"]
ORACLE_ROW = struct.Struct("<8Q")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """Polls until condition() is true; the last value is returned.

    A machine may give a whole session no processor time for seconds: that alone ends no waiting.
    """
    deadline = time.monotonic() + seconds
    polls_left = 4 * seconds
    while True:
        polls_left -= 1
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline and polls_left < 0:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


class Process:
    """One child process with its output in a file."""

    def __init__(self, arguments, log, env=None):
        self.arguments = [str(a) for a in arguments]
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.arguments, stdout=out, stderr=out,
                                          env={**os.environ, **(env or {})})

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def terminate(self, seconds=20):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(seconds)

    def running(self):
        return self.child.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")


class Host:
    """A host of its own: segment directory (tmpfs), agent state directory, agent process."""

    def __init__(self, stack, name):
        self.stack = stack
        self.name = name
        self.segments = pathlib.Path(tempfile.mkdtemp(prefix="ringside-it-", dir="/dev/shm"))
        self.state = stack.root / f"agent-{name}"
        self.agent = None
        self.workers = []

    def start_agent(self, *extra):
        self.agent = Process(
            [RINGSIDE, "agent", "--aggregator", self.stack.endpoint, "--host", self.name,
             "--dir", self.segments, "--state", self.state, *extra],
            self.stack.root / f"agent-{self.name}.log")

    def start_worker(self, **options):
        """Starts a worker; returns (process, oracle path)."""
        number = len(self.workers) + 1
        oracle = self.stack.root / f"oracle-{self.name}-{number}"
        environment = {"RINGSIDE_DIR": str(self.segments), **options.pop("env", {})}
        arguments = [WORKER, "--oracle", oracle]
        for key, value in options.items():
            arguments += [f"--{key}", value]
        log = self.stack.root / f"worker-{self.name}-{number}.log"
        self.workers.append(Process(arguments, log, environment))
        return self.workers[-1], oracle

    def segment_files(self):
        return sorted(p.name for p in self.segments.glob("*.seg"))

    def close(self):
        for process in (self.agent, *self.workers):
            if process and process.running():
                process.kill()
        shutil.rmtree(self.segments, ignore_errors=True)


class Stack:
    """An aggregator and its hosts. Use as a context manager."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="ringside-it-"))
        self.data = self.root / "data"
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.hosts = []
        self.aggregator = None

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if failure[0] is not None:
            agents = {host.name: host.agent and host.agent.child.poll() for host in self.hosts}
            print(f"exit codes: agents {agents}, aggregator {self.aggregator and self.aggregator.child.poll()}")
        for host in self.hosts:
            host.close()
        if self.aggregator and self.aggregator.running():
            self.aggregator.kill()
        if failure[0] is None:
            shutil.rmtree(self.root, ignore_errors=True)
        else:
            print(f"kept for a look: {self.root}")

    def start_aggregator(self, *extra):
        self.aggregator = Process(
            [RINGSIDE, "aggregator", "--listen", self.endpoint, "--http", self.http,
             "--data", self.data, *extra], self.root / "aggregator.log")

    def host(self, name):
        self.hosts.append(Host(self, name))
        return self.hosts[-1]

    def run(self, *arguments):
        return subprocess.run([RINGSIDE, *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, check=False)

    def query(self, *arguments):
        """The rows of `ringside query`, or None while the aggregator does not answer."""
        result = self.run("query", *arguments, "--server", f"http://{self.http}", "--json")
        return json.loads(result.stdout)["rows"] if result.returncode == 0 else None

    def answer(self, *arguments):
        result = self.run("query", *arguments, "--server", f"http://{self.http}", "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def ledger(self):
        result = self.run("ledger", "--server", f"http://{self.http}", "--json")
        return json.loads(result.stdout) if result.stdout.startswith("{") else None

    def merged(self, operation):
        """(count, sum in ns) of an operation over everything that was merged."""
        rows = self.query(operation, "--stat", "count,sum", "--last", "24h")
        if not rows:
            return 0, 0
        return sum(r["count"] for r in rows), round(sum(r["sum"] for r in rows) * 1e9)


def oracle_totals(paths):
    """((begun count, begun sum), (ended count, ended sum)) over the oracle files."""
    totals = [0, 0, 0, 0]
    for path in map(pathlib.Path, paths):
        # A worker that was killed before it made its oracle has recorded nothing.
        data = path.read_bytes() if path.exists() else b""
        for row in ORACLE_ROW.iter_unpack(data):
            totals = [a + b for a, b in zip(totals, row[:4])]
    return (totals[0], totals[1]), (totals[2], totals[3])


def nearest_rank(values, q):
    """The exact nearest-rank quantile."""
    ordered = sorted(values)
    rank = max(1, -(-int(q * len(ordered) * 10**9) // 10**9))
    return ordered[rank - 1]


def assert_ledger_balances(stack):
    wait_until(stack.ledger, 20, "ledger")
    wait_until(lambda: stack.ledger()["balanced"], 60, lambda: stack.ledger())
    return stack.ledger()
