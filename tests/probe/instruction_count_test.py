"""How many instructions a record takes, against the numbers kept in instruction_counts.json.

Callgrind counts exactly, whatever else the machine does: a slow-down is seen here first. Within 3 %
the count may drift with the compiler's patches; a real change is written down with
RINGSIDE_WRITE_COUNTS=1 and shows in the diff.

usage: instruction_count_test.py WORKER COMPILER COUNTS
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 0.03


def count(worker, kind, directory):
    """Instructions of one record of this kind."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=Counted",
         f"--callgrind-out-file={directory}/callgrind.out", worker, kind],
        capture_output=True, text=True, check=True, env={**os.environ, "RINGSIDE_DIR": directory})
    collected = int(re.search(r"Collected : (\d+)", run.stderr).group(1))
    return round(collected / int(run.stdout), 1)


def main():
    worker, compiler, path = sys.argv[1:]
    path = pathlib.Path(path)
    kept = json.loads(path.read_text())
    if not shutil.which("valgrind"):
        print("skipped: no valgrind")
        return SKIPPED
    if compiler != kept["compiler"] and "RINGSIDE_WRITE_COUNTS" not in os.environ:
        print(f"skipped: the counts are of {kept['compiler']}, this is {compiler}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="ringside-count-", dir="/dev/shm") as directory:
        now = {kind: count(worker, kind, directory) for kind in kept["instructions"]}
    if "RINGSIDE_WRITE_COUNTS" in os.environ:
        path.write_text(json.dumps({"compiler": compiler, "instructions": now}, indent=2) + "\n")
        kept["instructions"] = now
    bad = 0
    for kind, before in kept["instructions"].items():
        change = now[kind] / before - 1
        is_bad = abs(change) > TOLERANCE
        bad += is_bad
        print(f"{kind:8} {now[kind]:8.1f} instructions, kept {before:.1f} ({change:+.1%})"
              f"{'  CHANGED: better, or worse? RINGSIDE_WRITE_COUNTS=1 keeps it' if is_bad else ''}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
