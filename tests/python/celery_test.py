"""Celery: prefork workers, recycled after a few tasks and killed within one."""

import importlib
import os
import pathlib
import sys

import pytest
from server import ServedStack, wait_until
from stack import Process, assert_ledger_balances

pytest.importorskip("celery")
HERE = pathlib.Path(__file__).parent
TASKS = 400 if os.environ.get("RINGSIDE_LONG") else 40


@pytest.fixture(name="stack")
def served_stack():
    with ServedStack() as stack:
        yield stack


def start_worker(stack, *options):
    folder = stack.root / "broker"
    folder.mkdir()
    return Process(
        [sys.executable, "-m", "celery", "--workdir", HERE, "-A", "celery_app", "worker",
         "--pool", "prefork", "--concurrency", 2, "--loglevel", "INFO",
         "--without-gossip", "--without-mingle", "--without-heartbeat", *options],
        stack.root / "celery.log",
        {"RINGSIDE_DIR": str(stack.hosts[0].segments), "CELERY_FOLDER": str(folder),
         "C_FORCE_ROOT": "1"})


def test_tasks_of_recycled_and_killed_workers_are_counted_once(stack, monkeypatch):
    worker = start_worker(stack, "--max-tasks-per-child", "7")
    monkeypatch.setenv("CELERY_FOLDER", str(stack.root / "broker"))
    tasks = importlib.import_module("celery_app")
    wait_until(lambda: "ready." in worker.output(), 30, worker.output)
    for index in range(TASKS):
        tasks.transcribe.delay(f"{index}.wav")
    wait_until(lambda: stack.counts("transcribe", by="outcome") == {("ok",): TASKS}, 60,
               lambda: (stack.counts("transcribe", by="outcome"), worker.output()))
    tasks.die.delay()
    wait_until(lambda: "SIGKILL" in worker.output(), 30, worker.output)
    tasks.transcribe.delay("after.wav")
    stack.wait_for_total("transcribe/decode", TASKS + 1)
    worker.terminate(30)

    stack.wait_for_no_segments()
    wait_until(lambda: stack.counts("transcribe", by="outcome") == {("ok",): TASKS + 1, ("aborted",): 1}, 60,
               lambda: (stack.counts("transcribe", by="outcome"), worker.output()))
    assert stack.counter("files") == TASKS + 1
    assert len(stack.counts("transcribe", by="pid")) > TASKS // 8  # they were recycled
    lost = assert_ledger_balances(stack)["lost"]
    assert not any(lost.values()), lost
