"""/metrics of agent and aggregator, read by Prometheus' own parser: the ledger adds up on both."""

import socket
import urllib.error
import urllib.request

import pytest
from stack import Stack, assert_ledger_balances, free_port, oracle_totals, wait_until

parser = pytest.importorskip("prometheus_client.parser", reason="needs python3-prometheus-client")


def get(url, host=None):
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def scrape(url):
    """{name: {labels: value}}; every family has help, type, and no sample twice."""
    samples = {}
    for family in parser.text_string_to_metric_families(get(url)):
        assert family.documentation and family.type in ("counter", "gauge"), family
        for sample in family.samples:
            assert sample.name.startswith("ringside_"), sample
            assert sample.name.endswith("_total") == (family.type == "counter"), sample
            rows = samples.setdefault(sample.name, {})
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in rows, sample
            rows[labels] = sample.value
    return samples


def total(samples, name):
    return sum(samples[name].values())


def test_the_ledger_adds_up_on_both_pages():
    with Stack() as stack:
        stack.start_aggregator()
        host = stack.host("a")
        metrics = f"127.0.0.1:{free_port()}"
        host.start_agent("--metrics", metrics, "--detail", "off")
        hostile_name = 'a "quoted"\\ name\nwith a line'
        worker, oracle = host.start_worker(records=500, requests=20, linger_ms=600000,
                                           env={"RINGSIDE_SERVICE": hostile_name})
        wait_until(lambda: stack.merged("work")[0] == 500, 20, lambda: stack.merged("work"))
        wait_until(lambda: stack.merged("transcribe")[0] == 20, 20, lambda: stack.merged("transcribe"))
        assert_ledger_balances(stack)
        _, ended = oracle_totals([oracle])
        # Requests, their stages and the bare operations.
        recorded = ended[0] + 20 + 3 * 20

        page = scrape(f"http://{stack.http}/metrics")
        assert total(page, "ringside_samples_imbalance") == 0
        assert total(page, "ringside_ledger_unbalanced_producers") == 0
        assert total(page, "ringside_samples_recorded_total") == (
            total(page, "ringside_samples_merged_total") + total(page, "ringside_samples_in_flight")
            + total(page, "ringside_samples_quarantined_total") + total(page, "ringside_samples_lost_total"))
        rows = {dict(labels)["service"]: value
                for labels, value in page["ringside_producer_samples_merged_total"].items()}
        service = next(name for name in rows if "quoted" in name)
        assert rows[service] == recorded
        assert {dict(k)["reason"] for k in page["ringside_samples_lost_total"]} >= {"baseline", "no_segment"}
        assert total(page, "ringside_aggregator_batches_total") >= 1

        own = wait_until(lambda: scrape(f"http://{metrics}/metrics"), 10, "agent's page")
        rows = {dict(labels)["service"]: value
                for labels, value in own["ringside_agent_producer_samples_recorded_total"].items()}
        assert rows[service] == recorded
        assert total(own, "ringside_agent_active") == 1
        assert total(own, "ringside_agent_producer_detail_written_total") == 520
        dropped = {dict(labels)["reason"]: value
                   for labels, value in own["ringside_agent_detail_dropped_total"].items()}
        assert dropped["not_sampled"] == 520 and sum(dropped.values()) == 520
        assert total(own, "ringside_agent_detail_in_rings") == 0
        worker.kill()
        # What ended stays in the totals.
        wait_until(lambda: total(scrape(f"http://{metrics}/metrics"), "ringside_agent_removed_total") == 1, 20,
                   "removed")
        own = scrape(f"http://{metrics}/metrics")
        assert total(own, "ringside_agent_samples_recorded_total") > recorded
        assert not any("quoted" in dict(k)["service"]
                       for k in own.get("ringside_agent_producer_samples_recorded_total", {}))


def test_an_address_that_is_taken_is_said_and_does_not_stop_the_agent():
    with Stack() as stack, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        stack.start_aggregator()
        host = stack.host("a")
        host.start_agent("--metrics", address)
        worker, _ = host.start_worker(records=10)
        assert worker.child.wait(30) == 0
        wait_until(lambda: stack.merged("work")[0] == 10, 20, lambda: stack.merged("work"))
        assert address in host.agent.output() and "--metrics" in host.agent.output()


def test_the_agents_page_is_for_loopback_only():
    with Stack() as stack:
        host = stack.host("a")
        refused = stack.run("agent", "--dir", host.segments, "--state", host.state, "--metrics", "0.0.0.0:9999")
        assert refused.returncode == 1 and "loopback" in refused.stderr and "0.0.0.0:9999" in refused.stderr
        metrics = f"127.0.0.1:{free_port()}"
        host.start_agent("--metrics", metrics)
        wait_until(lambda: "ringside agent" in host.agent.output(), 20, host.agent.output)
        for path, name, status in [("/metrics", "evil.example", 403), ("/other", None, 404)]:
            with pytest.raises(urllib.error.HTTPError) as error:
                get(f"http://{metrics}{path}", name)
            assert error.value.code == status
