"""What is in a segment, as `ringside shm` reads it."""

import json
import os
import subprocess


def look(path):
    """The one segment at `path`."""
    answer = subprocess.run([os.environ["RINGSIDE_BIN"], "shm", path, "--json"], check=True,
                            capture_output=True, text=True)
    segment, = json.loads(answer.stdout)["segments"]
    return segment


def counted(path, operation):
    """The samples of an operation's series, of all outcomes and labels."""
    return sum(row["count"] for row in look(path)["series"] if row["operation"] == operation)
