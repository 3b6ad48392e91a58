"""Suite python: what a block through the package costs, beside what else one would write.

usage: suite_python.py [--quick] NAME      prints one JSON object: name, value, unit, reference,
reference_value; nothing when what NAME measures is not installed. Figures are CPU time of this
thread, without that of the empty loop; each is measured in turns with its reference, and medians
over many short turns stand for both.
"""

import argparse
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time

import ringside

TURN_NS = 2_000_000
PAIR = "perf_counter pair"
OPERATION = ringside.Operation("bench.timer", model="x")
VALUE = ringside.Value("bench.value", unit="By")


def empty(turns):
    for _ in range(turns):
        pass


def pair(turns):
    for _ in range(turns):
        time.perf_counter()
        time.perf_counter()


def timer(turns):
    operation = OPERATION
    for _ in range(turns):
        with operation:
            pass


def timer_call(turns):
    for _ in range(turns):
        with ringside.timer("bench.timer_call", model="x"):
            pass


def value(turns):
    handle = VALUE
    for _ in range(turns):
        handle.record(512)


def value_call(turns):
    for _ in range(turns):
        ringside.value("bench.value_call", 512, unit="By")


def count(turns):
    for _ in range(turns):
        ringside.count("bench.count")


@ringside.timed("bench.timed")
def timed_function():
    pass


def timed(turns):
    function = timed_function
    for _ in range(turns):
        function()


def request_3_stages(turns):
    for _ in range(turns):
        with ringside.request("bench.request") as request:
            with request.stage("load"):
                pass
            with request.stage("work"):
                pass
            with request.stage("store"):
                pass


@contextlib.contextmanager
def nothing():
    yield


def contextmanager(turns):
    for _ in range(turns):
        with nothing():
            pass


class Peers:
    """What others offer, each writing where it would write in production; gone at the end."""

    def __init__(self, folder):
        self._receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.bind(("127.0.0.1", 0))
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.connect(self._receiver.getsockname())
        self._sender.setblocking(False)
        self._log = logging.getLogger("bench")
        self._log.propagate = False
        self._log.setLevel(logging.INFO)
        handler = logging.FileHandler(os.path.join(folder, "bench.log"))
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        self._log.addHandler(handler)
        self._lines = open(os.path.join(folder, "bench.jsonl"), "a", encoding="utf-8")

    def statsd(self, turns):
        for _ in range(turns):
            start = time.perf_counter()
            ms = (time.perf_counter() - start) * 1e3
            with contextlib.suppress(BlockingIOError):
                self._sender.send(b"bench:%.3f|ms" % ms)

    def logging_file(self, turns):
        for _ in range(turns):
            start = time.perf_counter()
            self._log.info("bench took %.3f ms", (time.perf_counter() - start) * 1e3)

    def jsonl(self, turns):
        for _ in range(turns):
            start = time.perf_counter()
            line = {"operation": "bench", "seconds": time.perf_counter() - start}
            self._lines.write(json.dumps(line) + "\n")
            self._lines.flush()

    def close(self):
        self._lines.close()
        for handler in self._log.handlers:
            handler.close()
        self._sender.close()
        self._receiver.close()


def ns_per_turn(loop, turns):
    start = time.thread_time_ns()
    loop(turns)
    return (time.thread_time_ns() - start) / turns


def turns_for(loop):
    """How many turns take about TURN_NS. Also the warm-up that the interpreter needs."""
    turns = 100
    while (ns := ns_per_turn(loop, turns) * turns) < TURN_NS / 2:
        turns *= 2
    return max(1, int(turns * TURN_NS / ns))


def median(numbers):
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2]


def measure(loop, reference, repetitions):
    """(ns of one turn of `loop`, of `reference`), the loop itself not counted.

    The ratio is taken turn by turn: what slows the machine down meanwhile slows both.
    """
    loops = (loop, reference, empty)
    turns = [turns_for(each) for each in loops]
    ratios, references = [], []
    for _ in range(repetitions):
        ns = [ns_per_turn(each, count_of) for each, count_of in zip(loops, turns)]
        ratios.append((ns[0] - ns[2]) / (ns[1] - ns[2]))
        references.append(ns[1] - ns[2])
    return median(ratios) * median(references), median(references)


def print_figure(name, value_of, unit, reference, reference_value):
    print(json.dumps({"name": name, "value": value_of, "unit": unit, "reference": reference,
                      "reference_value": reference_value}), flush=True)


def measure_import(repetitions, folder):
    """(ms that `import ringside` adds to a fresh interpreter, ms of the interpreter without it)"""
    code = ("import time; start = time.process_time_ns(); {}; "
            "print(start, time.process_time_ns() - start)")
    # As installed: with the byte code that was written by the first import.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    added, bare = [], []
    for _ in range(repetitions + 1):
        answer = subprocess.run([sys.executable, "-c", code.format("import ringside")], check=True,
                                capture_output=True, env=environment)
        before, during = answer.stdout.split()
        bare.append(int(before) / 1e6)
        added.append(int(during) / 1e6)
    return median(added[1:]), median(bare[1:])


def prometheus_loop(folder, multiprocess):
    """A Histogram of prometheus_client with a label, or None where it is not installed."""
    if multiprocess:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    else:
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    try:
        from prometheus_client import CollectorRegistry, Histogram
    except ImportError:
        return None
    histogram = Histogram("bench_seconds", "of the benchmark", ["model"],
                          registry=CollectorRegistry())

    def loop(turns):
        for _ in range(turns):
            with histogram.labels("x").time():
                pass

    return loop


OWN = {"python.timer": timer, "python.timer_call": timer_call, "python.value": value,
       "python.value_call": value_call, "python.count": count, "python.timed": timed,
       "python.request_3_stages": request_3_stages}
# It chooses where its numbers lie when it is imported.
PROMETHEUS = {"peer.py_prometheus": False, "peer.py_prometheus_multiproc": True}


def print_one(name, repetitions, folder):
    if name == "python.import":
        added, bare = measure_import(max(5, repetitions // 4), folder)
        return print_figure(name, added, "ms", "python3 -c pass", bare)
    peers = Peers(folder)
    loops = {**OWN, "peer.py_contextmanager": contextmanager, "peer.py_statsd": peers.statsd,
             "peer.py_logging": peers.logging_file, "peer.py_jsonl": peers.jsonl}
    if name in PROMETHEUS:
        loops[name] = prometheus_loop(folder, PROMETHEUS[name])
    if loops[name] is not None:
        value_of, reference = measure(loops[name], pair, repetitions)
        print_figure(name, value_of, "ns", PAIR, reference)
    peers.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("name")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringside-bench-") as folder:
        print_one(arguments.name, 15 if arguments.quick else 101, folder)


if __name__ == "__main__":
    main()
