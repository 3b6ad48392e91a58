"""Celery tasks of tests. The broker is a folder: $CELERY_FOLDER."""

import os
import pathlib
import signal

import ringside
from celery import Celery

FOLDER = pathlib.Path(os.environ["CELERY_FOLDER"])
app = Celery("tasks")
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={"data_folder_in": str(FOLDER), "data_folder_out": str(FOLDER),
                              "polling_interval": 0.05},
    task_ignore_result=True)


@app.task
def transcribe(name):
    """One unit of work, as a request with two stages."""
    with ringside.request("transcribe", file=name) as request:
        with request.stage("decode"):
            ringside.count("files")
        with request.stage("post_processing"):
            pass


@app.task
def die():
    """Takes its worker with it."""
    with ringside.request("transcribe", file="last.wav"):
        os.kill(os.getpid(), signal.SIGKILL)
