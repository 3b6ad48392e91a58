"""The agent and the aggregator as they are, with a network between them that breaks: what the live store answers is
exactly what the workers recorded, and the ledger balances. Frames that are repeated, reordered and cut at every
place: tests/aggregator/network_test.cc.
"""

import select
import socket
import struct
import threading
import time

import pytest
from stack import Stack, assert_ledger_balances, oracle_totals, wait_until


class Connection:
    """One that passes through; ends are the agent's and the aggregator's socket."""

    def __init__(self, agent, aggregator):
        self.ends = (agent, aggregator)
        self.is_silent = False
        for source, sink in (self.ends, self.ends[::-1]):
            threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                if self.is_silent:
                    return  # what was read is lost; the socket stays as it is
                sink.sendall(data)
            if not self.is_silent:
                self.close()
        except OSError:
            if not self.is_silent:
                self.close()

    def close(self):
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def reset(self):
        for end in self.ends:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def hung_up(self):
        """Which ends were closed by their other side."""
        poll = select.poll()
        for end in self.ends:
            poll.register(end, select.POLLRDHUP)
        return {descriptor for descriptor, _ in poll.poll(0)}


class Network:
    """A TCP proxy in front of the aggregator whose connections can be broken at any moment."""

    def __init__(self, endpoint):
        host, port = endpoint.removeprefix("tcp://").split(":")
        self.target = host, int(port)
        self.connections = []
        self.listener = socket.create_server((host, 0))
        self.endpoint = f"tcp://{host}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                agent, _ = self.listener.accept()
            except OSError:
                return  # closed
            try:
                self.connections.append(Connection(agent, socket.create_connection(self.target)))
            except OSError:
                agent.close()  # nobody listens there yet

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture(name="stack")
def stack_behind_a_network():
    with Stack() as stack:
        stack.start_aggregator()
        wait_until(lambda: "agents connect" in stack.aggregator.output(), 30, stack.aggregator.output)
        stack.network = Network(stack.endpoint)
        stack.endpoint = stack.network.endpoint
        try:
            yield stack
        finally:
            stack.network.close()


def expect_exact(stack, worker, oracle):
    assert worker.child.wait(200) == 0
    _, ended = oracle_totals([oracle])
    wait_until(lambda: stack.merged("work") == ended, 60, lambda: (stack.merged("work"), ended, stack.ledger()))
    ledger = assert_ledger_balances(stack)
    assert not any(ledger["lost"].values()), ledger


@pytest.mark.parametrize("fault", ["close", "reset"])
def test_connections_that_break_lose_and_double_nothing(stack, fault):
    host = stack.host("a")
    host.start_agent()
    worker, oracle = host.start_worker(records=8000, pace_us=500)
    broken = 0
    end = time.monotonic() + 120
    # When the worker has ended, the agent still connects anew, for its own metrics.
    while worker.running() or (broken < 2 and time.monotonic() < end):
        time.sleep(0.4)
        if len(stack.network.connections) > broken:
            getattr(stack.network.connections[-1], fault)()
            broken = len(stack.network.connections)
    assert broken >= 2
    expect_exact(stack, worker, oracle)


def test_a_peer_that_falls_silent_without_a_word_is_noticed_by_both_sides(stack):
    host = stack.host("a")
    host.start_agent()
    worker, oracle = host.start_worker(records=8000, pace_us=500)
    wait_until(lambda: stack.merged("work")[0] > 0, 30, host.agent.output)
    silent = stack.network.connections[-1]
    silent.is_silent = True
    # No FIN and no RST will ever come: only ZeroMQ's heartbeats, 2 s apart, 6 s of patience, can tell.
    wait_until(lambda: len(silent.hung_up()) == 2, 60, silent.hung_up)
    expect_exact(stack, worker, oracle)
    assert len(stack.network.connections) >= 2, "the agent came back by another way"
