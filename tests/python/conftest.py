"""A segment directory of its own for each run, gone afterwards: tests record too."""

import os
import shutil
import tempfile

import pytest

# Before the first import of ringside: the probe reads it once.
_SEGMENTS = tempfile.mkdtemp(prefix="ringside-py-", dir="/dev/shm")
os.environ["RINGSIDE_DIR"] = _SEGMENTS


@pytest.fixture(scope="session", autouse=True)
def private_segments():
    yield
    shutil.rmtree(_SEGMENTS, ignore_errors=True)
