"""From import to the interpreter's end, with and without room, in every interpreter there is."""

import glob
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

PACKAGE = os.environ["PYTHONPATH"].split(os.pathsep)[0]


def interpreters():
    """Those of CPython 3.11 and later that this machine has."""
    found = {os.path.realpath(sys.executable)}
    names = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    for path in [*filter(None, names), *glob.glob(
            os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"))]:
        code = "import sys; print(sys.executable, sys.version_info >= (3, 11))"
        answer = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.endswith("True\n"):
            found.add(os.path.realpath(answer.stdout.split()[0]))
    return sorted(found)


def run(code, *, python=sys.executable, **environment):
    """The output of a fresh interpreter; what it wrote to stderr is a failure."""
    result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False,
                            env={**os.environ, "PYTHONPATH": PACKAGE, **environment}, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("python", interpreters())
def test_one_binary_serves_every_interpreter(python):
    code = """
import ringside, asyncio
for _ in range(1000):
    with ringside.timer("op", model="x"):
        pass
operation = ringside.Operation("op", model="x")
for _ in range(1000):
    with operation:
        with operation:
            pass
async def work():
    async with ringside.request("request") as request:
        async with request.stage("stage") as stage:
            stage.value("tokens", 5, unit="{token}")
    return request.summary
summary = asyncio.run(work())
assert summary["steps"][0]["attributes"] == {"tokens": 5}, summary
@ringside.timed
async def timed():
    return [item async for item in items()]
@ringside.timed("items")
async def items():
    yield 1
assert asyncio.run(timed()) == [1]
import os, subprocess, json
answer = subprocess.run([os.environ["RINGSIDE_BIN"], "shm", ringside.segment_path(), "--json"],
                        capture_output=True, check=True)
rows = json.loads(answer.stdout)["segments"][0]["series"]
print({row["operation"]: row["count"] for row in rows if row["kind"] == "duration"})
"""
    assert eval(run(code, python=python)) == {  # noqa: S307: of our own making
        "op": 3000, "request": 1, "request/stage": 1, "items": 1, "timed": 1}


def test_the_smallest_worker_names_its_bottleneck():
    example = pathlib.Path(__file__).resolve().parents[2] / "examples/python/hello.py"
    output = run(example.read_text(encoding="utf-8"))
    assert output.endswith("work\n") and "(untimed)" in output


def test_import_starts_no_thread_opens_nothing_and_loads_little():
    code = """
import os, sys
def state():
    return (len(os.listdir("/proc/self/task")), sorted(os.listdir("/proc/self/fd")))
before, modules = state(), set(sys.modules)
import ringside
assert state() == before
print(sorted(name for name in set(sys.modules) - modules if not name.startswith("ringside")))
"""
    assert run(code) == "['_contextvars']\n"


def test_recording_starts_no_thread_and_opens_no_socket():
    code = """
import os, ringside
with ringside.request("r") as request, request.stage("s"), ringside.timer("t", job=1):
    ringside.count("c")
kinds = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
         if os.path.exists(f"/proc/self/fd/{fd}")]
print(len(os.listdir("/proc/self/task")), any("socket" in kind for kind in kinds))
"""
    assert run(code) == "1 False\n"


@pytest.mark.parametrize("python", interpreters())
def test_a_subinterpreter_is_refused_by_name(python):
    code = """
import ringside
try:
    import _interpreters as interpreters
    new = lambda: interpreters.create("legacy")
except ImportError:
    import _xxsubinterpreters as interpreters
    new = lambda: interpreters.create(isolated=False)
inside = '''
try:
    import ringside
except ImportError as error:
    refusal = str(error)
else:
    refusal = "none"
import os
os.write(%d, refusal.encode())
'''
import os
read, write = os.pipe()
interpreters.run_string(new(), inside % write)
os.close(write)
print(os.read(read, 1000).decode())
with ringside.timer("still"):
    pass
"""
    assert "main interpreter alone" in run(code, python=python)


def test_records_at_the_very_end_are_counted():
    code = """
import atexit, ringside, os, subprocess, sys
class Late:
    def __init__(self, timer, request):
        self.timer, self.request = timer, request
    def __del__(self):
        with self.timer:
            pass
        self.request.stage("late").end()
        self.request.end()
        assert self.request.summary is None or self.request.summary["outcome"] == "ok"
late = Late(ringside.timer("late"), ringside.request("late-request"))
late.itself = late  # collected when modules are gone already
atexit.register(lambda: ringside.record("at-exit", ms=1))
print(ringside.segment_path())
"""
    segment = run(code).strip()
    from segments import counted
    assert counted(segment, "at-exit") == 1
    assert counted(segment, "late") == 1
    assert counted(segment, "late-request") == 1


def test_without_a_place_for_segments_everything_is_a_counted_no_op(tmp_path):
    code = """
import ringside
for _ in range(10):
    with ringside.timer("t"):
        pass
with ringside.request("r", file="a") as request:
    with request.stage("s") as stage:
        stage.value("v", 1)
    request.record("m", ms=5)
summary = request.summary
assert summary["steps"][1]["duration_ns"] == 5_000_000
assert summary["duration_ns"] >= summary["steps"][0]["duration_ns"] > 0
assert summary["bottleneck"] and summary["attributes"] == {"file": "a"}
assert len(request.id) == 36
assert ringside.segment_path() is None and "tmpfs" in ringside.last_error()
print(ringside.health()["lost_no_segment"])
"""
    # 10 timers and the request. What belongs to a request that is lost is lost with it.
    # 10 timers, the request, its two stages and the value.
    assert int(run(code, RINGSIDE_DIR=str(tmp_path), RINGSIDE_QUIET="1")) == 14


def test_disabled_records_nothing_and_says_nothing(tmp_path):
    code = """
import ringside
with ringside.request("r") as request, request.stage("s"), ringside.timer("t", job=1):
    ringside.count("c")
assert request.summary["outcome"] == "ok" and len(request.summary["steps"]) == 2
assert not any(ringside.health().values()), ringside.health()
print(ringside.segment_path())
"""
    assert run(code, RINGSIDE_DISABLED="1") == "None\n"


def test_the_environment_names_service_and_labels():
    code = """
import ringside, os, subprocess, json
ringside.configure(service="from-code", labels={"env": "code", "zone": "code"})
with ringside.request("r") as request:
    pass
answer = subprocess.run([os.environ["RINGSIDE_BIN"], "shm", ringside.segment_path(), "--json"],
                        capture_output=True, check=True)
producer = json.loads(answer.stdout)["segments"][0]["producer"]
assert producer["service"] == request.summary["service"]
assert producer["instance"] == request.summary["instance"]
print(producer["service"], json.dumps(producer["labels"], sort_keys=True))
"""
    otel = {"OTEL_SERVICE_NAME": "from-otel",
            "OTEL_RESOURCE_ATTRIBUTES": "env=otel,team=a%20b,service.name=unused"}
    assert run(code, **otel) == (
        'from-code {"env": "code", "team": "a b", "zone": "code"}\n')
    assert run(code, **otel, RINGSIDE_SERVICE="from-env", RINGSIDE_LABELS="zone=env") == (
        'from-env {"env": "code", "team": "a b", "zone": "env"}\n')
    unconfigured = code.replace("ringside.configure", "(lambda **_: None)")
    assert run(unconfigured, **otel) == 'from-otel {"env": "otel", "team": "a b"}\n'
    otel.pop("OTEL_SERVICE_NAME")
    assert run(unconfigured, **otel).startswith("unused ")


def test_what_is_typed_is_there_and_what_is_there_is_typed():
    import ast

    import ringside
    stub = pathlib.Path(ringside.__file__).with_name("__init__.pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    typed = {name.asname or name.name for node in tree.body if isinstance(node, ast.ImportFrom)
             for name in node.names}
    typed |= {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    assert set(ringside.__all__) <= typed
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            real = getattr(ringside, node.name)
            methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            assert all(hasattr(real, method) for method in methods), (node.name, methods)
            assert {name for name in vars(real) if not name.startswith("_")} <= methods
