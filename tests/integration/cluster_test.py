"""Two hosts, one aggregator: what a cluster-wide answer must be."""

import math
import subprocess

import pytest
from stack import Stack, nearest_rank, wait_until


@pytest.fixture(name="cluster")
def two_hosts():
    with Stack() as stack:
        stack.start_aggregator()
        for name in ("a", "b"):
            stack.host(name).start_agent()
        yield stack


def read_values(paths):
    return [int(line) for path in paths for line in path.read_text().split()]


def test_quantiles_of_two_hosts_are_those_of_the_merged_raw_data(cluster):
    files = []
    workers = []
    for index, host in enumerate(cluster.hosts):
        values = cluster.root / f"values-{host.name}"
        files.append(values)
        # Host b is given another shape (seed) and five times the records: averaging two p99s fails.
        process, _ = host.start_worker(operation="decode", label="model=en-us", values=values,
                                       records=2000 * (1 + 4 * index), seed=index + 1)
        workers.append(process)
    assert [w.child.wait(60) for w in workers] == [0, 0]
    exact = read_values(files)

    wait_until(lambda: cluster.merged("decode")[0] == len(exact), 20, lambda: cluster.merged("decode"))
    answer = cluster.answer("decode", "--stat", "count,sum,min,max,p0,p50,p90,p99,p99.9", "--last", "1h")

    assert len(answer["rows"]) == 1
    row = answer["rows"][0]
    assert row["labels"] == {"model": "en-us"}
    assert row["count"] == len(exact)
    assert round(row["sum"] * 1e9) == sum(exact)
    assert math.isclose(row["min"] * 1e9, min(exact), rel_tol=1e-12)
    assert math.isclose(row["max"] * 1e9, max(exact), rel_tol=1e-12)
    assert answer["error_bound"] < 0.00543
    for stat, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)):
        assert math.isclose(row[stat] * 1e9, nearest_rank(exact, q), rel_tol=answer["error_bound"]), stat


def test_rows_by_host_add_up_to_the_cluster(cluster):
    for index, host in enumerate(cluster.hosts):
        host.start_worker(operation="ocr", records=100 * (index + 1))[0].child.wait(60)
    wait_until(lambda: cluster.merged("ocr")[0] == 300, 20, lambda: cluster.merged("ocr"))
    rows = cluster.query("ocr", "--by", "host", "--stat", "count")
    assert {r["labels"]["host"]: r["count"] for r in rows} == {"a": 100, "b": 200}


def test_requests_arrive_with_their_steps(cluster):
    host = cluster.hosts[0]
    host.start_worker(records=0, requests=7)[0].child.wait(60)
    wait_until(lambda: cluster.merged("transcribe")[0] == 7, 20, lambda: cluster.merged("transcribe"))
    rows = {r["operation"] for r in cluster.query("--stat", "count")}
    assert {"transcribe", "transcribe/model_loading", "transcribe/decode",
            "transcribe/post_processing"} <= rows
    report = cluster.run("report", "--server", f"http://{cluster.http}")
    assert report.returncode == 0, report.stderr
    assert "transcribe" in report.stdout and "model_loading" in report.stdout
    lines = subprocess.run(f"cat {cluster.data}/archive/2*.jsonl | grep -c '\"type\":\"request\"'", shell=True,
                           capture_output=True, text=True, check=False)
    assert lines.stdout.strip() == "7"


def test_machine_samples_are_series_too(cluster):
    worker, _ = cluster.hosts[1].start_worker(records=10, linger_ms=600000)

    def mine():
        rows = cluster.query("process.rss", "--by", "host,pid", "--stat", "max,last") or []
        return [r for r in rows if r["labels"].get("pid") == str(worker.child.pid)]
    (row,) = wait_until(mine, 60, "process.rss")
    assert row["labels"]["host"] == "b"
    assert row["unit"] == "By" and 500_000 < row["max"] < 1 << 30

    def hosts():
        rows = cluster.query("host.memory.used", "--by", "host", "--stat", "last") or []
        return {r["labels"]["host"] for r in rows}
    wait_until(lambda: hosts() == {"a", "b"}, 60, hosts)
    worker.kill()
