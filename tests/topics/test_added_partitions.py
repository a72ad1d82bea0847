"""Partitions that are added to the input while everything runs: their events are counted, and months wait for them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from billing.errors import OperatorError
from billing.runtime.kafka import KafkaUnavailableError, admin_client, ensure_topics
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.pulse import Pulse
from billing.runtime.topic_check import widen_topic
from billing.topics import topic_specs
from invoicer.input_topic import InputTopic
from processor.app import TOPICS, Processor
from processor.metrics import ProcessorMetrics
from qb.audit.app import audit
from tests.conftest import Kafka
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until

ADDED = 3
MICROS = 1_000_000
EVENT = b"1488142855,Charlie,1.00"


@pytest.fixture
def pipeline(kafka: Kafka, tmp_path: Path, unique_name: str) -> Iterator[Pipeline]:
    with Pipeline(kafka.bootstrap_servers, tmp_path, unique_name, kafka="{session.timeout.ms: 6000}") as pipeline:
        yield pipeline


def seen_by(watched: InputTopic) -> set[int]:
    """Return the partitions that a look of the invoicer sees; none while a new one has no leader yet."""
    try:
        return set(watched.logs())
    except KafkaUnavailableError:
        return set()


def test_added_partitions_are_counted_without_a_restart(pipeline: Pipeline) -> None:
    """Totals are exact, the changelog follows, the invoicer's view and the audit include them, the process lives."""
    settings, everything = pipeline.settings, range(INPUT_PARTITIONS + ADDED)
    process = pipeline.start("process")
    for partition in range(INPUT_PARTITIONS):
        pipeline.produce(EVENT, partition=partition)
    pipeline.flush()
    wait_until(lambda: pipeline.consumed() == INPUT_PARTITIONS, what="the first partitions counted")

    admin = admin_client(settings)
    widen_topic(admin, settings.input_topic, len(everything))
    watched = InputTopic(settings, PartitionBounds(settings, admin=admin))
    wait_until(lambda: seen_by(watched) == set(everything), what="the invoicer sees them")
    # A client of its own: the pipeline's has not heard of the new partitions yet.
    sender = Producer({"bootstrap.servers": settings.bootstrap_servers, "enable.idempotence": True})
    for partition in everything:
        sender.produce(settings.input_topic, EVENT, partition=partition)
    assert sender.flush(60) == 0

    total = INPUT_PARTITIONS + len(everything)
    wait_until(lambda: pipeline.consumed() == total, what="the added partitions counted")
    assert pipeline.totals()[0] == {("2017-02", "Charlie", "MISC"): [total * MICROS, total]}
    assert set(pipeline.progress()) == set(everything)
    changelog = topic_specs(settings)["changelog"].name
    assert len(admin.list_topics(changelog, timeout=30).topics[changelog].partitions) == len(everything)
    assert process.poll() is None
    assert "Traceback" not in pipeline.log_of("process")
    findings = audit(settings)
    assert findings.is_clean, findings.differences


class CommittingError(OperatorError):
    """The processor has got as far as a commit."""


@pytest.fixture
def signals_kept() -> Iterator[None]:
    """An application that runs in this process takes the signals for itself."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals_kept")
def test_partitions_added_between_the_check_of_the_topics_and_the_start_are_no_failure(pipeline: Pipeline) -> None:
    """Quix refuses a changelog that is narrower than the input; each run widens it first."""

    def stop() -> None:
        raise CommittingError

    settings, metrics = pipeline.settings, ProcessorMetrics(CollectorRegistry(), pipeline.settings.types)
    subtotals = ensure_topics(settings, TOPICS)["subtotals"]
    widen_topic(admin_client(settings), settings.input_topic, INPUT_PARTITIONS + ADDED)
    for partition in range(INPUT_PARTITIONS):
        pipeline.produce(EVENT, partition=partition)
    pipeline.flush()
    with pytest.raises(CommittingError):
        Processor(settings, subtotals, metrics, stop, Pulse("counting", 30)).run_once()
