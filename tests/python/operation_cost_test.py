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
        input()  # until the agent has met it
        end = time.thread_time() + {SECONDS}
        while time.thread_time() < end:
            sum(range(10000))
        input()  # until the last readings have come

def nap(thread):
    with ringside.timer("nap"):
        thread.join()

burner = threading.Thread(target=burn)
napper = threading.Thread(target=nap, args=(burner,))
burner.start()
napper.start()
napper.join()
"""

GROW = f"""
import ringside

with ringside.timer("grow"):
    input()  # until the agent has met it
    model = bytearray({GROWTH})
    model[::4096] = b"x" * ({GROWTH} // 4096)
    input()  # until the last readings have come
"""

# (series, operation, statistic, what it must come to).
WANTED = [
    ("operation.cpu.time", "burn", "sum", SECONDS / 2),
    ("operation.rss.growth", "grow", "sum", GROWTH * 0.9),
    ("operation.rss.peak", "grow", "max", GROWTH),
    *(("operation.inflight.samples", operation, "sum", SECONDS) for operation in ("burn", "nap", "grow")),
]


@pytest.fixture(name="stack", scope="module")
def a_stack_that_met_two_workers():
    with ServedStack() as stack:
        environment = {**os.environ, "RINGSIDE_DIR": str(stack.hosts[0].segments)}
        workers = [subprocess.Popen([sys.executable, "-c", text], env=environment, stdin=subprocess.PIPE, text=True)
                   for text in (BURN_AND_NAP, GROW)]
        try:
            for operation in ("burn", "grow"):
                wait_until(lambda o=operation: cost(stack, "operation.inflight.samples", o, "sum"), 60,
                           f"{operation} is met")
            for worker in workers:
                worker.stdin.write("go\n")
                worker.stdin.flush()
            wait_until(lambda: all(cost(stack, *what) >= least for *what, least in WANTED), 60,
                       lambda: [(*what, cost(stack, *what)) for *what, _ in WANTED])
            for worker in workers:
                worker.communicate("end\n", timeout=120)
            assert [worker.returncode for worker in workers] == [0, 0]
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
