"""`qb audit` on a real Kafka: a year of billing, and a system that goes on counting meanwhile."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import groupby, islice
from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka import Producer

from billing.clock import SystemClock
from billing.ledger import ClosedKey
from billing.ledger import decode_key as decode_ledger_key
from billing.period import add_months, month_calendar
from billing.runtime.topic_reader import TopicReader
from billing.subtotal import CustomerMonthKey, encode_key, encode_sums
from generator.clock import SteppingClock
from generator.events import EventMix, GeneratedEvent, generate_events
from qb.audit.app import audit
from tests.conftest import Kafka
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until

DAY_MS = 86_400_000
YEAR_START_MS = 1_483_228_800_000  # 2017-01-01
EVENTS = 6_000
MIX = EventMix(
    keyed=False, malformed_share=0.03, credit_share=0.1, out_of_order_ms=DAY_MS // 2, late_share=0.3,
    late_ms=40 * DAY_MS, max_future_ms=3_600_000 * 80_000,
)  # fmt: skip


def a_year() -> Iterator[tuple[str, list[GeneratedEvent]]]:
    """Thirteen months of events, by the month in which they arrive: late ones, credits, and Ivan leaves in June."""
    calendar = month_calendar("UTC")
    step_ms = 395 * DAY_MS / EVENTS
    clock = SteppingClock(YEAR_START_MS, step_ms)
    arrivals = ((YEAR_START_MS + int(n * step_ms), event) for n, event in enumerate(generate_events(MIX, 3, clock)))
    for month, group in groupby(islice(arrivals, EVENTS), key=lambda arrival: calendar.month_of(arrival[0])):
        events = [event for _, event in group]
        yield month, [e for e in events if month < "2017-06" or e.expected is None or e.expected.customer != "Ivan"]


def closed_months(pipeline: Pipeline) -> set[str]:
    with TopicReader(pipeline.settings, pipeline.settings.invoices_topic, 1) as reader:
        keys = [decode_ledger_key(record.key) for batch in reader.read_to_end() for record in batch if record.key]
    return {key.month for key in keys if isinstance(key, ClosedKey)}


def wait_for_close(pipeline: Pipeline, month: str) -> None:
    wait_until(lambda: month in closed_months(pipeline), 60, f"{month} is closed")


def run_audit(pipeline: Pipeline, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qb", "audit", *arguments],
        env={**os.environ, **pipeline.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_year_of_billing_is_clean_until_it_is_tampered_with(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Late within and beyond grace, credits, a silent partition, customers that vanish: twelve months close by
    themselves and nothing differs; one micro too many in a subtotal is found."""
    options = {
        # A clock that stands still in 2017-01: only events close months.
        "simulation_speed": 1e-6,
        "simulation_start_ms": YEAR_START_MS,
        "max_future_seconds": 288_000_000,
        "idle_after_seconds": 1,
        "check_interval_seconds": 0.2,
        "invoicer_port": 0,
    }
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, **options) as pipeline:
        pipeline.start("process")
        pipeline.start("invoice")
        produced = 0
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        for month, events in a_year():
            # Partition 3 is silent in the second half of the year.
            partitions = INPUT_PARTITIONS - (month > "2017-06")
            for n, event in enumerate(events):
                if n == len(events) // 2 and month > "2017-01":
                    # What comes after this for the month before is beyond grace: an adjustment.
                    assert producer.flush(30) == 0
                    wait_for_close(pipeline, add_months(month, -1))
                producer.produce(pipeline.settings.input_topic, event.payload, event.key, produced % partitions)
                produced += 1
        assert producer.flush(30) == 0
        wait_until(lambda: pipeline.consumed() == produced, 60, "all events counted")
        wait_until(lambda: (tmp_path / "invoices" / "2017-12" / "manifest.json").exists(), 60, "the last files")

        clean = run_audit(pipeline, "--json")
        report = json.loads(clean.stdout)
        assert report["differences"] == []
        assert (clean.returncode, report["clean"], report["notes"]) == (0, True, [])
        assert report["figures"]["accepted"] + report["figures"]["rejected"] == produced
        # Late events of 2016-11 and 2016-12 make them months of their own.
        assert report["figures"]["closed months"] == 14
        lines = "".join(path.read_text() for path in tmp_path.glob("invoices/*/lines.csv"))
        assert lines.count(",adjustment,") > 20

        mallory = encode_key(CustomerMonthKey(0, "2017-02", "Mallory"))
        producer.produce(pipeline.settings.subtotals_topic, encode_sums({"MISC": (1, 1)}), mallory)
        assert producer.flush(30) == 0
        tampered = run_audit(pipeline)
        assert tampered.returncode == 1
        assert "Mallory 2017-02 MISC" in tampered.stdout
        assert "1 differences" in tampered.stdout


def test_an_audit_of_a_running_system_is_clean(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Events come in and are counted while the audit reads: what moves is no difference."""
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, commit_interval_seconds=0.1) as pipeline:
        pipeline.start("process")
        stop = Event()

        def feed() -> None:
            events = generate_events(EventMix(customers=200, malformed_share=0.02), 5, SystemClock())
            while not stop.is_set():
                pipeline.produce_all(islice(events, 100))
                time.sleep(0.02)

        feeder = Thread(target=feed)
        feeder.start()
        try:
            wait_until(lambda: pipeline.consumed() > 1_000, 60, "events are counted")
            audits = [audit(pipeline.settings) for _ in range(3)]
        finally:
            stop.set()
            feeder.join()
        accepted = [int(findings.figures["accepted"]) for findings in audits]
        assert [findings.differences for findings in audits] == [[], [], []]
        assert sorted(set(accepted)) == accepted, "counting went on from audit to audit"


def test_a_missing_input_topic_is_told(kafka: Kafka, unique_name: str) -> None:
    """Auditing the wrong cluster or topic is an error for the operator, not a clean result."""
    done = subprocess.run(
        [sys.executable, "-m", "qb", "audit", "--bootstrap-servers", kafka.bootstrap_servers,
         "--input-topic", f"{unique_name}.nothing"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
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
