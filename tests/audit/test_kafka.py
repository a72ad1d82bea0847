"""`qb audit` on a real Kafka, and while counting goes on. A whole year is audited in tests/e2e/test_year.py."""

import json
import os
import subprocess
from itertools import islice
from pathlib import Path

import pytest
from confluent_kafka import Producer

from billing.clock import SystemClock
from billing.money import format_micros
from billing.subtotal import CustomerMonthKey, encode_key, encode_sums
from generator.events import EventMix, generate_events
from qb.audit.app import audit
from tests.conftest import Kafka
from tests.feeder import BackgroundFeeder
from tests.forking import run_process
from tests.once_histories import payload_of, random_history
from tests.once_model import OnceModel
from tests.pipeline import INPUT_PARTITIONS, SHORT_SESSION, Pipeline, wait_until


def run_audit(pipeline: Pipeline, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_process("qb", "audit", *arguments, environment={**os.environ, **pipeline.environment})


def test_a_deployment_is_clean_until_it_is_tampered_with(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """What the processor counted differs in nothing; one micro of nobody among the subtotals is found."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        pipeline.start("process")
        events = list(islice(generate_events(EventMix(malformed_share=0.1, late_share=0.1), 3, SystemClock()), 2_000))
        pipeline.produce_all(events)
        wait_until(lambda: pipeline.consumed() == len(events), what="all events counted")

        clean = run_audit(pipeline, "--json")
        report = json.loads(clean.stdout)
        assert report["differences"] == []
        assert (clean.returncode, report["clean"]) == (0, True)
        assert report["figures"]["rejected"] == sum(event.expected is None for event in events)
        assert report["figures"]["accepted"] + report["figures"]["rejected"] == len(events)

        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        mallory = encode_key(CustomerMonthKey(0, "2017-02", "Mallory"))
        producer.produce(pipeline.settings.subtotals_topic, encode_sums({"MISC": (1, 1)}), mallory)
        assert producer.flush(60) == 0
        tampered = run_audit(pipeline)
        assert tampered.returncode == 1
        assert "Mallory 2017-02 MISC" in tampered.stdout
        assert "differences: 1" in tampered.stdout


def test_an_audit_of_a_running_system_is_clean(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Events come in and are counted while the audit reads: what moves is no difference."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, commit_interval_seconds=0.1) as pipeline:
        pipeline.start("process")
        events = generate_events(EventMix(customers=200, malformed_share=0.02), 5, SystemClock())
        with BackgroundFeeder(lambda _: pipeline.produce_all(islice(events, 200))):
            wait_until(lambda: pipeline.consumed() > 1_000, what="events are counted")
            audits = [audit(pipeline.settings) for _ in range(3)]
        accepted = [int(findings.figures["accepted"]) for findings in audits]
        assert [findings.differences for findings in audits] == [[], [], []]
        assert sorted(set(accepted)) == accepted, "counting went on from audit to audit"


def kill_after(pipeline: Pipeline, records: int) -> None:
    """Let a processor count so many records in all, and kill it."""
    process = pipeline.start("process", kafka=SHORT_SESSION)
    wait_until(lambda: pipeline.consumed() >= records, what=f"{records} records counted")
    process.kill()
    process.wait(120)


def test_what_a_killed_processor_decided_of_ids_is_clean(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Repeats, conflicts, voids and replacements, with kills in between: the audit and the model say the same."""
    history, model = random_history(11, 3_000, partitions=INPUT_PARTITIONS), OnceModel(2)
    # Small batches and frequent commits: a kill finds some of them half done.
    options = {"dedup_window_days": 2, "keep_duplicates": True, "commit_interval_seconds": 0.1, "batch_messages": 50}
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, **options) as pipeline:
        for number, sent in enumerate(history):
            model.decide(sent.partition, number, sent.record)
            pipeline.produce(payload_of(sent.record, number), b"key", sent.partition)
        pipeline.flush()
        kill_after(pipeline, 300)
        kill_after(pipeline, 1_200)
        pipeline.start("process", kafka=SHORT_SESSION)
        wait_until(lambda: pipeline.consumed() == len(history), what="all are counted")
        findings = audit(pipeline.settings)
    of = model.partitions.values()
    assert findings.differences == []
    assert {name: findings.figures[name] for name in ("accepted", "duplicates", "voids", "replacements")} == {
        "accepted": sum(one.accepted for one in of), "duplicates": sum(one.duplicates for one in of),
        "voids": sum(one.voids for one in of), "replacements": sum(one.replaces for one in of),
    }  # fmt: skip
    assert findings.figures["sum of accepted"] == format_micros(sum(one.accepted_micros for one in of))


def test_a_missing_input_topic_is_told(kafka: Kafka, unique_name: str) -> None:
    """Auditing the wrong cluster or topic is an error for the operator, not a clean result."""
    flags = ("--bootstrap-servers", kafka.bootstrap_servers, "--input-topic", f"{unique_name}.nothing")
    done = run_process("qb", "audit", *flags, environment=os.environ)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (f"qb: there is no topic {unique_name}.nothing at {kafka.bootstrap_servers}")


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_topics_that_do_not_exist_yet_are_empty(
    kafka: Kafka, tmp_path: Path, unique_name: str, flag: list[str]
) -> None:
    """A deployment whose processor never ran has nothing to compare."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name) as pipeline:
        pipeline.environment["QB_SUBTOTALS_TOPIC"] = f"{unique_name}.nothing"
        done = run_audit(pipeline, *flag)
    assert done.returncode == 0
    assert "clean" in done.stdout
