"""Threshold alerts over the merged store, end to end: the log and `alerts.jsonl` say what fired."""

import json

from stack import Stack, wait_until

RULES = """
groups:
- name: test
  rules:
  - alert: SlowDecode
    expr: p99(decode{model="en-us"}[5s]) > 100us
    labels: {severity: page}
    annotations: {summary: "decode p99 is {{ value }}"}
  - alert: NeverSlow
    expr: p99(decode[5s]) > 1h
  - alert: HostSilent
    expr: absent(host.memory.used[5s])
"""


def fired(stack):
    path = stack.data / "archive" / "alerts.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def states(stack, alert):
    return [line["status"] for line in fired(stack) if line["alert"] == alert]


def test_an_alert_fires_is_logged_and_resolves():
    with Stack() as stack:
        rules = stack.root / "rules.yaml"
        rules.write_text(RULES)
        stack.start_aggregator("--rules", rules)
        host = stack.host("a")
        host.start_agent()
        worker, _ = host.start_worker(operation="decode", label="model=en-us", records=10**9, pace_us=1000)
        wait_until(lambda: "firing" in states(stack, "SlowDecode"), 20, lambda: fired(stack))
        worker.kill()
        line = next(entry for entry in fired(stack) if entry["alert"] == "SlowDecode")
        assert line["labels"]["severity"] == "page"
        assert line["value"] > 100e-6
        assert "decode p99 is" in line["annotations"]["summary"]
        assert "SlowDecode" in stack.aggregator.output()
        # Nothing is recorded any more: the window empties, and without samples no rule holds.
        wait_until(lambda: states(stack, "SlowDecode")[-1] == "resolved", 60, lambda: fired(stack))
        assert states(stack, "NeverSlow") == []


def test_a_host_that_falls_silent_is_noticed():
    with Stack() as stack:
        rules = stack.root / "rules.yaml"
        rules.write_text(RULES)
        stack.start_aggregator("--rules", rules)
        host = stack.host("a")
        host.start_agent()
        # Absent until the first sample, too.
        wait_until(lambda: states(stack, "HostSilent")[-1:] == ["resolved"], 20, lambda: fired(stack))
        host.agent.kill()
        wait_until(lambda: states(stack, "HostSilent")[-1:] == ["firing"], 30, lambda: fired(stack))
