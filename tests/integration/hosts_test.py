"""Who reports: `ringside hosts`, and alerts for a missing agent and a crash loop, with the rules of examples/."""

import json
import pathlib
import subprocess

from stack import RINGSIDE, Stack, oracle_totals, wait_until

RULES = pathlib.Path(__file__).parents[2] / "examples" / "rules" / "fleet.yaml"


def start(stack):
    """An aggregator that soon calls a silent agent missing, with the fleet's rules."""
    config = stack.root / "ringside.yaml"
    config.write_text("aggregator: {missing_after: 2s}\n")
    stack.start_aggregator("--config", config, "--rules", RULES)


def states(stack, alert):
    path = stack.data / "archive" / "alerts.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line["status"] for line in lines if line["alert"] == alert]


def hosts(stack, *arguments):
    result = stack.run("hosts", "--server", f"http://{stack.http}", "--json", *arguments)
    return {row["host"]: row for row in json.loads(result.stdout)["hosts"]} if result.returncode == 0 else {}


def is_state(stack, host, state):
    return hosts(stack).get(host, {}).get("state") == state


def has_recorded(oracle):
    # Before that it may have no segment yet: nobody would know of its end.
    return oracle.exists() and oracle.stat().st_size > 0 and oracle_totals([oracle])[1][0] > 0


def test_an_agent_that_is_killed_is_missing_until_it_is_back():
    with Stack() as stack:
        start(stack)
        a, b = stack.host("a"), stack.host("b")
        a.start_agent()
        b.start_agent()
        wait_until(lambda: is_state(stack, "a", "ok") and is_state(stack, "b", "ok"), 20, lambda: hosts(stack))
        row = wait_until(lambda: (r := hosts(stack).get("a")) and abs(r["clock_offset"]) < 2 and r["lag"] < 10
                         and r["balanced"] and r, 40, lambda: hosts(stack))
        version = subprocess.run([RINGSIDE, "--version"], capture_output=True, text=True, check=True).stdout
        assert row["software_version"] == version.split()[-1]
        assert row["wire_version"].startswith("1.")
        assert row["spool_bytes"] is not None

        a.agent.kill()
        wait_until(lambda: is_state(stack, "a", "missing"), 20, lambda: hosts(stack))
        wait_until(lambda: "firing" in states(stack, "AgentMissing"), 40, lambda: states(stack, "AgentMissing"))
        # A machine that is busy may keep b from its word for a moment, too.
        wait_until(lambda: "1 ok, 1 missing" in stack.run("hosts", "--server", f"http://{stack.http}").stdout
                   and list(hosts(stack, "--where", "state=missing")) == ["a"], 40, lambda: hosts(stack))

        # The archive remembers who there was; what only a greeting tells is unknown until then.
        stack.aggregator.kill()
        b.agent.kill()
        start(stack)
        wait_until(lambda: hosts(stack), 20, "no answer")
        assert set(hosts(stack)) == {"a", "b"}
        assert hosts(stack)["a"]["software_version"] is None
        assert hosts(stack)["a"]["first_seen"] <= row["first_seen"]
        a.start_agent()
        b.start_agent()
        wait_until(lambda: is_state(stack, "a", "ok") and is_state(stack, "b", "ok"), 20, lambda: hosts(stack))


def test_a_missing_agents_alert_resolves():
    with Stack() as stack:
        start(stack)
        host = stack.host("a")
        host.start_agent()
        wait_until(lambda: is_state(stack, "a", "ok"), 20, lambda: hosts(stack))
        host.agent.kill()
        wait_until(lambda: states(stack, "AgentMissing")[-1:] == ["firing"], 30, lambda: hosts(stack))
        host.start_agent()
        wait_until(lambda: states(stack, "AgentMissing")[-1:] == ["resolved"], 20, lambda: states(stack, "AgentMissing"))
        for quiet in ("AgentLate", "ClockAhead", "ClockBehind", "CrashLoop"):
            assert states(stack, quiet) == []


def test_a_worker_in_a_crash_loop_is_noticed():
    with Stack() as stack:
        start(stack)
        host = stack.host("a")
        host.start_agent()
        for _ in range(3):
            worker, oracle = host.start_worker(records=10**9, env={"RINGSIDE_SERVICE": "ocr"})
            wait_until(lambda path=oracle: has_recorded(path), 20, "a worker at work")
            worker.kill()
        wait_until(lambda: states(stack, "CrashLoop") == ["firing"], 30, lambda: stack.query("producer.crashes"))
        assert '"service":"ocr"' in (stack.data / "archive" / "alerts.jsonl").read_text()
