"""What operations cost, on the whole way: real workers burn CPU time, sleep and grow, and the series
of the operations that were in flight meanwhile say so."""

import os
import subprocess
import sys

import pytest
from server import ServedStack
from stack import wait_until

MIB = 1 << 20
SECONDS = 4
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
    time.sleep(2)  # the agent meets it before it grows
    model = bytearray({GROWTH})
    model[::4096] = b"x" * ({GROWTH} // 4096)
    time.sleep(2)
time.sleep(2)
"""


@pytest.fixture(name="stack", scope="module")
def a_stack_that_met_two_workers():
    with ServedStack() as stack:
        environment = {**os.environ, "RINGSIDE_DIR": str(stack.hosts[0].segments)}
        workers = [subprocess.Popen([sys.executable, "-c", text], env=environment)
                   for text in (BURN_AND_NAP, GROW)]
        assert [worker.wait(60) for worker in workers] == [0, 0]
        yield stack


def cost(stack, series, operation, stat):
    """The statistic over all time; 0 where nothing was attributed."""
    rows = stack.query(series, "--where", f"operation={operation}", "--last", "24h", "--stat", stat)
    return sum(row[stat] for row in rows or [])


def test_cpu_time_goes_to_the_operation_whose_thread_used_it(stack):
    burnt = wait_until(lambda: cost(stack, "operation.cpu.time", "burn", "sum"), 10, "CPU time of burn")
    # What was used before the agent met the worker is nobody's.
    assert SECONDS / 2 < burnt < SECONDS * 1.1
    assert cost(stack, "operation.cpu.time", "nap", "sum") < SECONDS / 10


def test_growth_and_peak_are_those_of_its_process(stack):
    grown = wait_until(lambda: cost(stack, "operation.rss.growth", "grow", "sum"), 10, "growth of grow")
    assert GROWTH * 0.9 < grown < GROWTH * 1.5
    assert cost(stack, "operation.rss.peak", "grow", "max") > GROWTH


def test_how_much_an_answer_rests_on_is_said(stack):
    for operation in ("burn", "nap", "grow"):
        assert cost(stack, "operation.inflight.samples", operation, "sum") > SECONDS
