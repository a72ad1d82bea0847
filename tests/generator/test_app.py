"""`qb generate` against a real Kafka."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from billing.event import EventRejectedError, decode_event
from billing.runtime.kafka import ensure_topics
from billing.runtime.topic_reader import Record
from billing.settings import Settings, load_settings
from generator.app import run
from generator.expected import read_expected
from qb.cli import Arguments
from tests.conftest import Kafka
from tests.forking import start_process
from tests.whole_topic import read_whole

STARTED_SECONDS = 60


def read_topic(settings: Settings) -> list[Record]:
    return read_whole(settings, settings.input_topic, settings.input_partitions)


def recount(records: list[Record], settings: Settings) -> tuple[int, int, int]:
    """Accepted, their sum and rejected, as the decoder sees the records."""
    accepted = micros = 0
    for record in records:
        try:
            event = decode_event(record.value, settings.event_rules, settings.clock.now_ms())
        except EventRejectedError:
            continue
        accepted += 1
        micros += event.amount_micros
    return accepted, micros, len(records) - accepted


@pytest.mark.parametrize("keyed", [True, False])
def test_the_topic_holds_what_the_file_says(kafka: Kafka, topic_prefix: str, tmp_path: Path, keyed: bool) -> None:
    """All events arrive, and the file of totals is right. Keys lead to all partitions.

    Without keys the client chooses a partition for some milliseconds, then another: a fast machine may be done by then.
    """
    settings = load_settings(
        {
            "bootstrap_servers": kafka.bootstrap_servers,
            "input_topic": f"{topic_prefix}incoming",
            "events": 5_000,
            "rate": 0,
            "malformed_share": 0.05,
            "keyed": keyed,
            "expected_file": str(tmp_path / "expected.json"),
        },
        {},
    )
    assert run(settings, Arguments()) == 0
    records = read_topic(settings)
    totals = read_expected(tmp_path / "expected.json")
    assert len(records) == totals.records == 5_000
    assert recount(records, settings) == (totals.accepted, totals.accepted_micros, totals.rejected.total())
    found, partitions = {record.partition for record in records}, set(range(settings.input_partitions))
    assert found == partitions if keyed else found <= partitions
    assert all((record.key is not None) == keyed for record in records)


def test_a_signal_stops_it_with_all_events_confirmed(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> None:
    """SIGTERM ends an endless generator with code 0, and the totals are those of the topic."""
    settings = load_settings(
        {"bootstrap_servers": kafka.bootstrap_servers, "input_topic": f"{topic_prefix}incoming"}, {}
    )
    expected = tmp_path / "expected.json"
    process = start_process(
        "qb", "generate", "--rate", "500", "--expected-file", str(expected),
        environment={
            **os.environ,
            "QB_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "QB_INPUT_TOPIC": settings.input_topic,
            "QB_MONTH_SECONDS": "1",
        },
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + STARTED_SECONDS
        while not _has_records(settings):
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=STARTED_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, log
    assert "QB_SIMULATION_SPEED=" in log
    assert len(read_topic(settings)) == read_expected(expected).records > 0


def _has_records(settings: Settings) -> bool:
    ensure_topics(settings, ["input"])
    time.sleep(0.2)
    return bool(read_topic(settings))
