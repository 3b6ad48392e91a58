"""A fleet against one real aggregator: its memory stays within the limit, its totals exact.

The agents are simulated (bench/agent_fleet.h), their sockets real; what they sent is the oracle.
"""

import json
import os
import pathlib
import re
import socket
import threading
import time
import urllib.request

from stack import Process, Stack, assert_ledger_balances, wait_until

SENDER = os.environ["RINGSIDE_FLEET_SENDER"]
LONG = os.environ.get("RINGSIDE_LONG") == "1"
MIB = 1 << 20


def most_resident_bytes(stack):
    """At any moment since the aggregator was started."""
    status = pathlib.Path(f"/proc/{stack.aggregator.child.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def held(stack):
    with urllib.request.urlopen(f"http://{stack.http}/api/v1/store", timeout=30) as answer:
        return json.load(answer)


def total(stack, *where):
    """All durations, which is what agents send here; what the aggregator itself sees of hosts are gauges."""
    sent = "kind=duration"
    rows = stack.query("--by", "kind", "--stat", "count", "--last", "24h", "--where", sent, *where)
    return sum(row["count"] for row in rows or [])


def start(stack, *extra):
    stack.start_aggregator(*extra)
    wait_until(lambda: stack.ledger() is not None, 60, stack.aggregator.output)


def send(stack, *arguments):
    """Runs the sender to its end; returns the samples that it sent."""
    sender = Process([SENDER, stack.endpoint, *arguments], stack.root / "sender.log")
    assert sender.child.wait(200) == 0, sender.output()
    return int(sender.output().split()[-1])


class SlowReader:
    """A TCP proxy whose client takes what the aggregator answers a few bytes at a time, with no room to wait in."""

    def __init__(self, endpoint):
        self.target = endpoint.removeprefix("tcp://").split(":")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.ended = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        client, _ = self.listener.accept()
        with client, socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            server.connect((self.target[0], int(self.target[1])))
            threading.Thread(target=self.pump, args=(client, server, 1 << 16, 0), daemon=True).start()
            self.pump(server, client, 256, 0.05)

    def pump(self, source, sink, at_a_time, pause):
        try:
            while not self.ended.is_set() and (data := source.recv(at_a_time)):
                sink.sendall(data)
                time.sleep(pause)
        except OSError:
            pass

    def close(self):
        self.ended.set()
        self.listener.close()


def test_a_cardinality_bomb_stays_within_the_limit_and_totals_exact():
    agents, frames = 4, 500 if LONG else 50
    limit = 64 * MIB
    with Stack() as stack:
        start(stack, "--memory-limit", "64MiB")
        sent = send(stack, agents, 0, frames, "new")
        wait_until(lambda: total(stack) == sent, 30, lambda: (total(stack), sent))
        most = most_resident_bytes(stack)
        store = held(stack)
        series = agents * frames * 500
        assert most <= 1.25 * limit, f"{most / MIB:.0f} MiB resident, {store}"
        assert store["bytes"] <= limit
        assert store["series"]["count"] < series / 2, "beyond the bound they overflow"
        assert store["overflowed_samples"] > 0
        rows = stack.query("--by", "overflow", "--stat", "count", "--last", "24h")
        assert {row["labels"]["overflow"] for row in rows} == {"", "true"}
        assert_ledger_balances(stack)

        stack.aggregator.kill()
        start(stack, "--memory-limit", "64MiB")
        wait_until(lambda: total(stack) == sent, 60, lambda: (total(stack), sent))
        again = most_resident_bytes(stack)
        assert again <= 1.25 * limit, f"{again / MIB:.0f} MiB resident after the restart"
        print(f"{most / MIB:.0f} MiB resident at most, {again / MIB:.0f} MiB after the restart")


def test_a_thundering_herd_is_absorbed():
    agents, frames = (1000, 8) if LONG else (150, 4)
    with Stack() as stack:
        start(stack)
        sender = Process([SENDER, stack.endpoint, agents, 200, frames], stack.root / "sender.log")
        archive = stack.data / "archive"
        wait_until(lambda: sum(f.stat().st_size for f in archive.glob("*.jsonl")) > MIB, 60, sender.output)
        # All connections break; all agents come back at once, with what was not acknowledged.
        stack.aggregator.kill()
        start(stack)
        sender.child.wait(170)
        assert sender.child.returncode == 0, sender.output()
        sent = int(sender.output().split()[-1])
        wait_until(lambda: total(stack) == sent, 60, lambda: (total(stack), sent))
        assert_ledger_balances(stack)
        most = most_resident_bytes(stack)
        print(f"{agents} agents at once: {most / MIB:.0f} MiB resident at most")
        assert most <= 1.25 * 512 * MIB


def test_agents_that_read_nothing_or_slowly_delay_nobody():
    with Stack() as stack:
        start(stack)
        begin = time.monotonic()
        alone = send(stack, 5, 100, 20)
        seconds_alone = time.monotonic() - begin

        slow = SlowReader(stack.endpoint)
        stuck = [Process([SENDER, endpoint, 1, 50, 2000, "deaf", seed], stack.root / f"stuck-{seed}.log")
                 for seed, endpoint in ((2, stack.endpoint), (3, slow.endpoint))]
        wait_until(lambda: total(stack, "--where", "host=deaf") > 0, 30, stuck[0].output)
        begin = time.monotonic()
        sent = send(stack, 5, 100, 20, "plain", 4)
        seconds = time.monotonic() - begin
        print(f"100 frames acknowledged in {seconds_alone:.2f} s, beside two that do not read in {seconds:.2f} s")
        for process in stuck:
            assert process.running() or process.child.returncode == 0, process.output()
            process.child.kill()
            process.child.wait()
        slow.close()
        # The machine is theirs too; a wait for one of them would end with its patience, minutes later.
        assert seconds < 20 * seconds_alone + 150
        others = ("--where", "host!=deaf")
        wait_until(lambda: total(stack, *others) == alone + sent, 60, lambda: (total(stack, *others), alone + sent))
        assert_ledger_balances(stack)
