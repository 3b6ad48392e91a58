"""What operations cost, on the whole way: real workers burn CPU time, sleep and grow, and the series
of the operations that were in flight meanwhile say so."""

import os
import subprocess
import sys

import pytest
from server import ServedStack
from stack import wait_until

MIB = 1 << 20
SECONDS = 3
GROWTH = 96 * MIB

BURN_AND_NAP = f"""
import threading, time, ringside

def burn():
    with ringside.timer("burn"):
        end = time.thread_time() + {SECONDS}
        while time.thread_time() < end:
            sum(range(10000))

def nap(thread):
    with ringside.timer("nap"):
        thread.join()

burner = threading.Thread(target=burn)
napper = threading.Thread(target=nap, args=(burner,))
burner.start()
napper.start()
napper.join()
time.sleep(2)  # what the last readings say is told at the next close
"""

GROW = f"""
import time, ringside

with ringside.timer("grow"):
    input()  # until the agent has met it
    model = bytearray({GROWTH})
    model[::4096] = b"x" * ({GROWTH} // 4096)
    time.sleep(2)
time.sleep(2)
"""


@pytest.fixture(name="stack", scope="module")
def a_stack_that_met_two_workers():
    with ServedStack() as stack:
        environment = {**os.environ, "RINGSIDE_DIR": str(stack.hosts[0].segments)}
        workers = [subprocess.Popen([sys.executable, "-c", text], env=environment, stdin=subprocess.PIPE, text=True)
                   for text in (BURN_AND_NAP, GROW)]
        try:
            wait_until(lambda: cost(stack, "operation.inflight.samples", "grow", "sum"), 30, "grow is met")
            workers[1].communicate("go\n", timeout=60)
            assert [worker.wait(60) for worker in workers] == [0, 0]
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        yield stack


def at_least(stack, series, operation, stat, least):
    """The statistic, once it has come that far."""
    def come():
        value = cost(stack, series, operation, stat)
        return value if value >= least else None
    return wait_until(come, 20, lambda: (series, operation, cost(stack, series, operation, stat)))


def cost(stack, series, operation, stat):
    """The statistic over all time; 0 where nothing was attributed."""
    rows = stack.query(series, "--where", f"operation={operation}", "--last", "24h", "--stat", stat)
    return sum(row[stat] for row in rows or [])


def test_cpu_time_goes_to_the_operation_whose_thread_used_it(stack):
    # What was used before the agent met the worker is nobody's.
    assert at_least(stack, "operation.cpu.time", "burn", "sum", SECONDS / 2) < SECONDS * 1.1
    assert cost(stack, "operation.cpu.time", "nap", "sum") < SECONDS / 10


def test_growth_and_peak_are_those_of_its_process(stack):
    assert at_least(stack, "operation.rss.growth", "grow", "sum", GROWTH * 0.9) < GROWTH * 1.5
    assert at_least(stack, "operation.rss.peak", "grow", "max", GROWTH) < GROWTH * 3


def test_how_much_an_answer_rests_on_is_said(stack):
    for operation in ("burn", "nap", "grow"):
        at_least(stack, "operation.inflight.samples", operation, "sum", SECONDS)
