"""An aggregator that hands on to a parent: both have every sample once, whoever is killed, and the parent knows
the hosts as if they spoke to it.

2 seeds; RINGSIDE_LONG: 25.
"""

import json
import os
import random
import time
import urllib.request

import pytest
from keys import KeyedStack
from stack import RINGSIDE, Process, Stack, assert_ledger_balances, oracle_totals, wait_until

SEEDS = range(25 if os.environ.get("RINGSIDE_LONG") else 2)


def start_child(child, parent, *extra, env=None):
    child.aggregator = Process(
        [RINGSIDE, "aggregator", "--listen", child.endpoint, "--http", child.http, "--data", child.data,
         "--parent", parent.endpoint, *extra], child.root / "aggregator.log", env)


def expect_exact_in_both(stacks, oracles):
    begun, ended = oracle_totals(oracles)

    def is_exact(merged):
        return ended[0] <= merged[0] <= begun[0] and ended[1] <= merged[1] <= begun[1]

    for stack in stacks:
        wait_until(lambda s=stack: is_exact(s.merged("work")), 30, lambda s=stack: (ended, s.merged("work"), begun))
        assert not any(assert_ledger_balances(stack)["lost"].values())
    assert stacks[0].merged("work") == stacks[1].merged("work")


@pytest.mark.parametrize("seed", SEEDS)
def test_both_have_every_sample_once_whoever_is_killed(seed):
    chance = random.Random(seed)
    with Stack() as parent, Stack() as child:
        parent.start_aggregator()
        start_child(child, parent)
        host = child.host("a")
        host.start_agent()
        started = [host.start_worker(records=10**9, pace_us=20, threads=2, seed=i) for i in range(2)]
        for victim in chance.sample(["parent", "child", "agent", "worker", "child", "parent", "child"], 7):
            time.sleep(chance.uniform(0.2, 0.6))
            if victim == "agent":
                host.agent.kill()
                host.start_agent()
            elif victim == "worker":
                started[0][0].kill()
                started.append(host.start_worker(records=10**9, pace_us=20, threads=2, seed=9))
            elif victim == "parent":
                parent.aggregator.kill()
                time.sleep(chance.uniform(0, 1.5))
                parent.start_aggregator()
            else:
                child.aggregator.kill()
                time.sleep(chance.uniform(0, 0.5))
                start_child(child, parent)
        for process, _ in started:
            process.kill()
        wait_until(lambda: not host.segment_files(), 30, host.segment_files)
        expect_exact_in_both((parent, child), [oracle for _, oracle in started])


# Before and after each of the steps between an agent's frame and its acknowledgement.
@pytest.mark.parametrize("place", ["intake.handed_on", "archive.appended", "archive.synced", "intake.before_ack",
                                   "intake.merged"])
def test_a_child_that_dies_at_this_place_loses_and_doubles_nothing(place):
    with Stack() as parent, Stack() as child:
        parent.start_aggregator()
        start_child(child, parent, env={"RINGSIDE_FAIL_POINT": f"{place}:3"})
        host = child.host("a")
        host.start_agent()
        started = [host.start_worker(records=3000, pace_us=500)]
        wait_until(lambda: not child.aggregator.running(), 20, f"it never came to {place}")
        start_child(child, parent)
        assert started[0][0].child.wait(200) == 0
        wait_until(lambda: not host.segment_files(), 30, host.segment_files)
        expect_exact_in_both((parent, child), [oracle for _, oracle in started])


def hosts(stack):
    result = stack.run("hosts", "--server", f"http://{stack.http}", "--json")
    return {row["host"]: row for row in json.loads(result.stdout)["hosts"]} if result.returncode == 0 else {}


def metrics(stack):
    """Those of forwarding; nothing while the aggregator starts."""
    try:
        with urllib.request.urlopen(f"http://{stack.http}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return dict(line.rsplit(" ", 1) for line in lines if line.startswith("ringside_forward_"))


def test_a_parent_knows_the_hosts_of_two_sites_as_if_they_spoke_to_it():
    with Stack() as parent, Stack() as here, Stack() as there:
        parent.start_aggregator()
        for site, name in ((here, "a"), (there, "b")):
            start_child(site, parent)
            host = site.host(name)
            host.start_agent()
            host.start_worker(records=10**9, pace_us=500, operation=f"work-{name}")
        wait_until(lambda: {n: r["state"] for n, r in hosts(parent).items()} == {"a": "ok", "b": "ok"}, 20,
                   lambda: hosts(parent))
        for site, name in ((here, "a"), (there, "b")):
            seen, own = hosts(parent)[name], hosts(site)[name]
            assert set(hosts(site)) == {name}
            for key in ("agent", "software_version", "wire_version", "boot_id"):
                assert seen.get(key) == own.get(key), key
            wait_until(lambda n=name: (r := hosts(parent).get(n)) and abs(r["clock_offset"]) < 2, 40,
                       lambda: hosts(parent))
            wait_until(lambda n=name: parent.merged(f"work-{n}")[0] > 0, 20, "its samples")
        # A parent that begins anew hears from all of them again, though no agent has come anew.
        parent.aggregator.kill()
        parent.start_aggregator()
        wait_until(lambda: all(hosts(parent).get(n, {}).get("software_version") for n in "ab"), 20,
                   lambda: hosts(parent))


def test_its_metrics_tell_what_waits_for_the_parent():
    with Stack() as parent, Stack() as child:
        start_child(child, parent)
        host = child.host("a")
        host.start_agent()
        host.start_worker(records=500, pace_us=100)
        name = f'{{parent="{parent.endpoint}"}}'
        wait_until(lambda: float(metrics(child).get(f"ringside_forward_waiting_frames{name}", 0)) > 0, 20,
                   lambda: metrics(child))
        wait_until(lambda: metrics(child).get(f"ringside_forward_connected{name}") == "0", 20, lambda: metrics(child))
        parent.start_aggregator()
        wait_until(lambda: metrics(child).get(f"ringside_forward_connected{name}") == "1", 20, lambda: metrics(child))
        wait_until(lambda: float(metrics(child).get(f"ringside_forward_acknowledged_total{name}", 0)) > 0, 20,
                   lambda: metrics(child))


def test_a_parent_with_keys_takes_a_site_for_all_its_hosts_and_nobody_elses():
    with KeyedStack() as parent, Stack() as site, Stack() as other:
        parent.allow_key("site")
        parent.allow_key("other")
        parent.start_aggregator()
        for child, key in ((site, "site"), (other, "other")):
            (child.root / "allow").write_text(parent.keygen(f"agents-of-{key}"))
            start_child(child, parent, "--key", parent.keys / key, "--allow", child.root / "allow",
                        "--parent-key", parent.keys / "aggregator.pub")

        def agent_of(child, key, name):
            host = child.host(name)
            host.start_agent("--key", parent.keys / f"agents-of-{key}", "--aggregator-key", parent.keys / f"{key}.pub")
            return host
        for name in ("a", "b"):
            worker, oracle = agent_of(site, "site", name).start_worker(records=300, operation=f"work-{name}")
            assert worker.child.wait(30) == 0
            _, ended = oracle_totals([oracle])
            wait_until(lambda n=name, e=ended: parent.merged(f"work-{n}") == e, 30,
                       lambda n=name: (parent.merged(f"work-{n}"), site.aggregator.output()[-2000:]))
        # The other site has a host of the same name: the parent knows whose it is.
        worker, _ = agent_of(other, "other", "a").start_worker(records=300, operation="intruder")
        assert worker.child.wait(30) == 0
        wait_until(lambda: other.merged("intruder")[0] == 300, 30, lambda: other.merged("intruder"))
        wait_until(lambda: "host a belongs to another key" in other.aggregator.output(), 20,
                   lambda: other.aggregator.output()[-2000:])
        assert parent.merged("intruder") == (0, 0)
