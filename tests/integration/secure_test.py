"""Attacks on the aggregator's socket that need real processes: good agents are served meanwhile, and totals are exact."""

import os
import pathlib
import re
import resource
import signal
import socket
import time

import pytest
from keys import KeyedStack
from service_manager import Service
from stack import RINGSIDE, Process, Stack, assert_ledger_balances, oracle_totals, wait_until

FLOODING_PEER = os.environ["RINGSIDE_FLOODING_PEER"]
IDLE_CONNECTIONS = 10_000


@pytest.fixture(name="stack")
def stack_with_keys():
    with KeyedStack() as stack:
        yield stack


def memory_kib(pid, what):
    return int(re.search(rf"{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def start_good_host(stack):
    host = stack.keyed_host("good")
    host.start_agent(*stack.agent_options("good"))
    return host


def record(stack, host, operation, records=500):
    """A worker from start to end; every sample is merged."""
    worker, oracle = host.start_worker(operation=operation, records=records)
    assert worker.child.wait(60) == 0
    _, ended = oracle_totals([oracle])
    wait_until(lambda: stack.merged(operation) == ended, 30,
               lambda: (stack.merged(operation), ended, host.agent.output()[-2000:]))


class IdleConnections:
    """Many TCP connections that say nothing."""

    def __init__(self, endpoint, count):
        host, port = endpoint.removeprefix("tcp://").split(":")
        self.sockets = []
        for i in range(count):
            # One address has 28,000 ports, and the listener's queue is short: give it a moment now and then.
            connection = socket.socket()
            connection.settimeout(20)
            connection.connect((host, int(port)))
            connection.setblocking(False)
            self.sockets.append(connection)
            if i % 100 == 99:
                time.sleep(0.005)

    def open(self):
        """Those that the other side has not closed."""
        def is_open(connection):
            try:
                while connection.recv(4096):  # ZeroMQ's greeting
                    pass
                return False
            except BlockingIOError:
                return True
            except OSError:
                return False
        return sum(map(is_open, self.sockets))

    def close(self):
        for connection in self.sockets:
            connection.close()


def raise_descriptor_limit(wanted):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(hard, wanted) if os.geteuid() == 0 else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))  # the aggregator inherits it
    return limit


def test_ten_thousand_idle_connections(stack):
    limit = raise_descriptor_limit(IDLE_CONNECTIONS + 2000)
    count = min(IDLE_CONNECTIONS, limit - 1000)
    host = start_good_host(stack)
    stack.start_aggregator()
    record(stack, host, "before")
    pid = stack.aggregator.child.pid
    before = memory_kib(pid, "RssAnon")
    idle = IdleConnections(stack.endpoint, count)
    try:
        record(stack, host, "meanwhile")
        host.agent.kill()  # and a new connection gets through
        host.start_agent(*stack.agent_options("good"))
        record(stack, host, "anew")
        peak = memory_kib(pid, "VmHWM")
        wait_until(lambda: idle.open() == 0, 30, lambda: f"{idle.open()} are still open")
    finally:
        idle.close()
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 200, 20, "descriptors")
    record(stack, host, "after")
    assert_ledger_balances(stack)
    print(f"{count} idle connections: RSS {before} kB before, {peak} kB at most, "
          f"{memory_kib(pid, 'RssAnon')} kB afterwards")
    assert peak < 500 * 1024


def test_a_key_holder_that_floods_is_bounded_by_memory_and_a_restart(stack):
    host = start_good_host(stack)
    stack.allow_key("flooder")
    service = Service([RINGSIDE, "aggregator", "--listen", stack.endpoint, "--http", stack.http, "--data", stack.data,
                       *stack.aggregator_options()], stack.root / "notify", stack.root / "aggregator.log",
                      memory_limit=400 << 20)
    assert service.start(), (stack.root / "aggregator.log").read_text()
    worker, oracle = host.start_worker(operation="work", records=10**9, pace_us=500)
    flooder = Process([FLOODING_PEER, stack.endpoint, stack.keys / "flooder", stack.keys / "aggregator.pub"],
                      stack.root / "flooder.log")
    try:
        def flooded():
            service.keep()
            assert flooder.running(), flooder.output()
            return len(service.restart_seconds) >= 2
        wait_until(flooded, 120, lambda: (stack.root / "aggregator.log").read_text()[-2000:])
        # The operator revokes the key: the flood ends, without another restart once it is in force.
        stack.revoke("flooder")
        service.child.send_signal(signal.SIGHUP)
        def served():
            service.keep()
            return stack.merged("work")[0] >= oracle_totals([oracle])[1][0] - 5000
        merged, _ = stack.merged("work")
        wait_until(lambda: served() and stack.merged("work")[0] > merged, 60, host.agent.output)
        starts = service.starts
        merged, _ = stack.merged("work")
        wait_until(lambda: not service.keep() and stack.merged("work")[0] > merged + 1000, 60, host.agent.output)
        assert service.starts == starts, "the flood is over"
        worker.kill()
        begun, ended = oracle_totals([oracle])
        wait_until(lambda: ended[0] <= stack.merged("work")[0] <= begun[0], 30, lambda: (stack.merged("work"), ended))
        wait_until(lambda: not host.segment_files(), 30, host.segment_files)
        assert ended[1] <= stack.merged("work")[1] <= begun[1]
        ledger = assert_ledger_balances(stack)
        assert not any(ledger["lost"].values()), ledger
        print("restarts take", [f"{seconds:.2f} s" for seconds in service.restart_seconds], "pause included")
    finally:
        flooder.kill()
        service.child.kill()
        service.child.wait()


def test_an_agent_with_keys_waits_for_an_aggregator_with_the_right_ones(stack):
    host = start_good_host(stack)
    worker, oracle = host.start_worker(operation="early", records=100)
    assert worker.child.wait(60) == 0
    # One without keys, as if somebody else had taken the address: nothing is sent to it.
    Stack.start_aggregator(stack)
    wait_until(lambda: "closed the connection during the handshake" in host.agent.output(), 20, host.agent.output)
    assert stack.query() == []
    stack.aggregator.terminate()
    # The right one, which does not know the agent yet, and then does.
    allowed = stack.allow.read_text()
    stack.allow.write_text("")
    stack.start_aggregator()
    wait_until(lambda: "not in the allow-list" in stack.aggregator.output(), 20, stack.aggregator.output)
    stack.allow.write_text(allowed)
    stack.reload()
    _, ended = oracle_totals([oracle])
    wait_until(lambda: stack.merged("early") == ended, 30, host.agent.output)


def test_an_agents_new_key_is_taken_by_sighup(stack):
    host = start_good_host(stack)
    stack.start_aggregator()
    record(stack, host, "before")
    stack.keygen("next")
    line = (stack.keys / "next.pub").read_text().replace("next ", "good ")
    stack.allow.write_text(stack.allow.read_text() + line)
    stack.reload()
    os.replace(stack.keys / "next", stack.keys / "good")
    host.agent.child.send_signal(signal.SIGHUP)
    wait_until(lambda: "keys read again, connecting anew" in host.agent.output(), 20, host.agent.output)
    stack.allow.write_text(line)
    stack.reload()
    wait_until(lambda: stack.aggregator.output().count("keys read again: 1 may") == 1, 20, stack.aggregator.output)
    record(stack, host, "after")
    assert_ledger_balances(stack)
