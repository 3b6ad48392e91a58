"""`pip install ./python` without the network: a wheel that carries the probe, and works."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest
from segments import counted

ROOT = pathlib.Path(__file__).resolve().parents[2]

pytest.importorskip("setuptools")
pytest.importorskip("wheel")


def run(*arguments, **environment):
    result = subprocess.run([str(argument) for argument in arguments], capture_output=True,
                            text=True, check=False, env={**os.environ, **environment})
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(name="checkout", scope="module")
def copy_of_the_checkout(tmp_path_factory):
    """Only what the wheel is made of: building leaves files beside it."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "CMakeLists.txt", checkout)
    for folder in ("python", "probe", "proto"):
        shutil.copytree(ROOT / folder, checkout / folder,
                        ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    return checkout


@pytest.fixture(name="python", scope="module")
def python_with_the_wheel(checkout, tmp_path_factory):
    """The interpreter of a virtual environment that has it installed."""
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--system-site-packages", venv)
    # How fast the code is, is no matter here; how long it takes to compile is.
    fast = {"CFLAGS": "-O0 -g0"}
    if shutil.which("ccache"):
        fast.update(CC="ccache cc", CXX="ccache c++", CCACHE_BASEDIR=str(checkout),
                    CCACHE_NOHASHDIR="1")
    run(venv / "bin/pip", "install", "--no-build-isolation", "--no-index", "--no-deps",
        "--disable-pip-version-check", checkout / "python", **fast)
    return venv / "bin/python"


def test_the_installed_package_records(python, tmp_path):
    code = (
        "import ringside, sys\n"
        "assert ringside.__file__.startswith(sys.prefix), ringside.__file__\n"
        "for _ in range(7):\n"
        "    with ringside.timer('installed', model='x'): pass\n"
        "with ringside.request('r') as request, request.stage('s'): pass\n"
        "print(ringside.segment_path())\n")
    segment = run(python, "-c", code, PYTHONPATH="").strip()
    assert counted(segment, "installed") == 7
    assert counted(segment, "r/s") == 1


def test_the_package_needs_no_library_but_the_systems(python):
    code = "import ringside._ringside as module; print(module.__file__)"
    module = run(python, "-c", code, PYTHONPATH="").strip()
    assert module.endswith(".abi3.so")
    names = {line.split()[0] for line in run("ldd", module).splitlines()}
    assert not {name for name in names if name.startswith(("libstdc++", "libboost", "libpython"))}
    symbols = run("nm", "-D", "--defined-only", module)
    assert [line.split()[-1] for line in symbols.splitlines() if " T " in line] == [
        "PyInit__ringside"]


def test_the_wheel_is_for_all_versions_from_3_11_and_typed(python, checkout, tmp_path):
    # Compiled already: the build folder is that of the installation.
    run(python, "-m", "pip", "wheel", "--no-build-isolation", "--no-index", "--no-deps",
        "--disable-pip-version-check", "--wheel-dir", tmp_path, checkout / "python",
        PYTHONPATH="", CFLAGS="-O0 -g0")
    wheel, = tmp_path.glob("*.whl")
    assert "-cp311-abi3-linux_" in wheel.name
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"ringside/py.typed", "ringside/__init__.pyi", "ringside/_ringside.abi3.so"} <= names
    modules = {f"ringside/{path.name}" for path in (ROOT / "python/ringside").glob("*.py")}
    assert modules <= names
