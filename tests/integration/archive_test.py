"""`ringside archive` on the archive of a real stack: ls, verify, cat, compact."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from stack import RINGSIDE, Stack, oracle_totals, wait_until

DOCS = pathlib.Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A data directory with closed files, and (count, sum in ns) of what was recorded in it."""
    kept = tmp_path_factory.mktemp("recorded") / "data"
    with Stack() as stack:
        host = stack.host("a")
        oracles = []
        for part in range(3):
            stack.start_aggregator()
            if part == 0:
                host.start_agent()
            worker, oracle = host.start_worker(records=200)
            oracles.append(oracle)
            worker.child.wait(30)
            _, ended = oracle_totals(oracles)
            wait_until(lambda: stack.merged("work") == ended, 20, lambda: stack.merged("work"))
            stack.aggregator.kill()
        host.agent.kill()
        shutil.copytree(stack.data, kept)
    # The aggregator may have compressed some already; the tests begin with none of them.
    for path in (kept / "archive").glob("*.zst"):
        subprocess.run(["zstd", "-dq", "--rm", path], check=True)
    return kept, ended


@pytest.fixture
def data(recorded, tmp_path):
    shutil.copytree(recorded[0], tmp_path / "data")
    return tmp_path / "data"


def archive(*arguments):
    return subprocess.run([RINGSIDE, "archive", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          check=False)


def counted(data, operation="work"):
    result = subprocess.run([RINGSIDE, "query", operation, "--archive", str(data), "--stat", "count,sum", "--last",
                             "24h", "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["rows"]
    return sum(r["count"] for r in rows), round(sum(r["sum"] for r in rows) * 1e9)


def test_ls_names_files_and_what_they_hold(data):
    files = json.loads(archive("ls", data, "--json").stdout)["files"]
    assert [f["kind"] for f in files] == ["1s"] * 3
    assert all(f["batches"] > 0 and f["series"] > 0 and f["intervals"] > 0 for f in files)
    assert all(f["from"] < f["to"] for f in files)
    text = archive("ls", data).stdout
    assert files[0]["file"] in text and "3 files" in text


def test_verify_finds_nothing_in_a_whole_archive(data):
    result = archive("verify", data)
    assert result.returncode == 0 and "whole" in result.stdout, result.stdout


def test_verify_names_every_damaged_line(data):
    first, _, last = sorted((data / "archive").glob("2*.jsonl"))
    lines = first.read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if '"path":"work"' in line)
    lines[place] = lines[place].replace('"path":"work"', '"path":"wark"')
    first.write_text("".join(lines))
    head, rest = last.read_text().split("\n", 1)
    last.write_text(f"{head}\na note by hand\n{rest}")
    result = archive("verify", data)
    assert result.returncode == 1
    assert f"{last.name}:2: 1 line" in result.stdout, result.stdout
    assert any(line.startswith(f"{first.name}:") and "does not match its checksum" in line
               for line in result.stdout.splitlines()), result.stdout
    answer = json.loads(archive("verify", data, "--json").stdout)
    assert not answer["whole"] and answer["skipped_lines"] >= 1
    assert any(p["file"] == last.name and p["line"] == 2 for p in answer["problems"])


def test_compact_changes_files_and_no_answer(recorded, data):
    before = counted(data)
    assert before == recorded[1]
    result = archive("compact", data)
    assert result.returncode == 0, result.stderr
    assert sorted(p.suffix for p in (data / "archive").glob("2*")) == [".jsonl", ".zst", ".zst"]
    assert counted(data) == before
    assert archive("verify", data).returncode == 0
    assert "nothing to do" in archive("compact", data).stdout


def test_compact_makes_copies_and_removes_what_was_copied(recorded, data):
    result = archive("compact", data, "--retain", "1s=0s,1B", "--json")
    assert result.returncode == 0, result.stderr
    kinds = [f["kind"] for f in json.loads(archive("ls", data, "--json").stdout)["files"]]
    assert kinds.count("10s") == 1 and kinds.count("1s") == 1, kinds
    assert counted(data) == recorded[1]
    assert archive("verify", data).returncode == 0


def test_compact_refuses_while_an_aggregator_runs():
    with Stack() as stack:
        stack.start_aggregator()
        wait_until(lambda: stack.query() is not None, 20, stack.aggregator.output)
        result = archive("compact", stack.data)
        assert result.returncode == 1
        assert "already running" in result.stderr and str(stack.aggregator.child.pid) in result.stderr


def test_cat_is_plain_json_that_adds_up(recorded, data):
    def count(*options):
        lines = [json.loads(line) for line in archive("cat", data, *options).stdout.splitlines()]
        path = {line["series"]: line["path"] for line in lines if line["type"] == "series"}
        mine = [line for line in lines if line["type"] == "interval" and path[line["series"]] == "work"]
        return sum(line["count"] for line in mine), sum(int(line["sum"]) for line in mine)

    assert count() == recorded[1]
    assert count("--kind", "interval") == recorded[1]
    assert count("--to", "2020-01-01") == (0, 0)
    archive("compact", data, "--retain", "1s=0s,1B")
    assert count() == recorded[1], "the same from copies"
    types = {json.loads(line)["type"] for line in archive("cat", data).stdout.splitlines()}
    assert types <= {"producer", "series", "interval", "request", "timing"}


def test_zstdcat_and_jq_read_the_files(data):
    archive("compact", data)
    result = subprocess.run(["sh", "-c", "zstdcat -f 2*.jsonl* | jq -r .type | sort -u"], cwd=data / "archive",
                            capture_output=True, text=True, check=False)
    if result.returncode == 127 or "not found" in result.stderr:
        pytest.skip("needs zstd and jq")
    assert {"head", "commit", "interval"} <= set(result.stdout.split())


def test_wrong_words_are_usage_errors(data):
    assert archive("ls", data, "--frobnicate").returncode == 2
    assert archive().returncode == 2
    wrong = archive("compact", data, "--retain", "weeks=3")
    assert wrong.returncode == 2 and "weeks" in wrong.stderr
    longer = archive("compact", data, "--retain", "10s=500d")
    assert longer.returncode == 2 and "10s" in longer.stderr
    assert archive("ls", data / "nowhere").returncode == 1


def shell_blocks(page, heading):
    """The commands of one section of a page of docs/."""
    section = (DOCS / page).read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_the_pages_jq_recipes_give_what_the_page_says(tmp_path):
    """On the lines that the page itself shows."""
    page = (DOCS / "archive.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\{\"type\":.*$", page.split("\n## The lines\n", 1)[1], re.MULTILINE)
    assert {json.loads(line)["type"] for line in lines} >= {"head", "series", "interval", "request", "commit"}
    (tmp_path / "20250301-120000-000007.jsonl").write_text("\n".join(lines) + "\n")
    slowest, failed, shares, minutes, counts, buckets = shell_blocks("archive.md", "Look at it")

    def run(command):
        command = command.replace("ringside archive cat --kind request", """jq -c 'select(.type == "request")' 2*.jsonl""")
        result = subprocess.run(["bash", "-c", "set -o pipefail; " + command], cwd=tmp_path, capture_output=True, text=True,
                                timeout=30, check=False)
        assert result.returncode == 0 and not result.stderr, (command, result.stderr)
        return result.stdout

    assert run(slowest).split("\t") == ["1250", "transcribe", "goforward.wav", "decode\n"]
    assert run(failed) == "", "the one request is a success"
    assert json.loads(run(shares))["decode"] == 72.02
    assert run(minutes).split() == ["1", "2025-03-01T12:00"]
    assert json.loads(run(counts)) == {"transcribe/decode": 3, "process.rss": 1}
    assert [json.loads(line) for line in run(buckets).splitlines()] == [[[1894, 2], [1930, 1]], [[1884, 1]]]


def test_a_backup_by_the_page_while_the_aggregator_runs_restores_all_until_then(tmp_path):
    commands = shell_blocks("deploy.md", "Back up")[0]
    assert "flock -s archive" in commands

    def back_up(data, to):
        script = commands.replace("/var/lib/ringside/aggregator", str(data)).replace("/backup/ringside", str(to))
        path = f"{pathlib.Path(RINGSIDE).parent}:{os.environ['PATH']}"
        result = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, timeout=60, check=False,
                                env={**os.environ, "PATH": path})
        assert result.returncode == 0, (result.stdout, result.stderr)
        return counted(to)

    with Stack() as stack:
        host = stack.host("a")
        host.start_agent()
        worker, oracle = host.start_worker(records=6000, pace_us=500)
        for part in range(3):  # closed files, which are compressed at once
            stack.start_aggregator()
            wait_until(lambda: stack.query("work"), 20, stack.aggregator.output)
            before = stack.merged("work")[0]
            count, _ = back_up(stack.data, tmp_path / str(part))
            assert before <= count <= stack.merged("work")[0]
            stack.aggregator.kill()
        stack.start_aggregator()
        assert worker.child.wait(200) == 0
        _, ended = oracle_totals([oracle])
        wait_until(lambda: stack.merged("work") == ended, 30, lambda: (stack.merged("work"), ended))
        assert back_up(stack.data, tmp_path / "last") == ended

        # The disk is lost; the agent lives on and sends what comes from then on.
        stack.aggregator.kill()
        shutil.rmtree(stack.data)
        shutil.copytree(tmp_path / "last", stack.data)
        stack.start_aggregator()
        wait_until(lambda: stack.merged("work") == ended, 30, lambda: (stack.merged("work"), ended))
        later, oracle = host.start_worker(records=100)
        assert later.child.wait(30) == 0
        more = oracle_totals([oracle])[1]
        both = (ended[0] + more[0], ended[1] + more[1])
        wait_until(lambda: stack.merged("work") == both, 30, lambda: (stack.merged("work"), both))
