"""Counted from the keyed topic, totals are those of the input, and a rejected record names its place in the input."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.conftest import Kafka
from tests.moving.world import KEYED_PARTITIONS, check_moved, moving_pipeline
from tests.pipeline import INPUT_PARTITIONS, Pipeline, wait_until
from tests.processor.test_exactly_once import Feeder, Recount, generate, wait_for_more
from tests.whole_topic import read_whole

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

TAKEN = "partition taken over partition="


def check_rejected(pipeline: Pipeline) -> None:
    """Each rejected record is unchanged, and names where it lay in the input and where it was counted."""
    settings = pipeline.settings
    inputs = {(one.partition, one.offset): one for one in read_whole(settings, settings.input_topic, INPUT_PARTITIONS)}
    keyed = {(one.partition, one.offset): one for one in read_whole(settings, settings.keyed_topic, KEYED_PARTITIONS)}
    rejected = pipeline.rejected()
    assert rejected
    for record in rejected:
        headers = dict(record.headers)
        assert headers["source-topic"] == settings.input_topic.encode()
        source = inputs[int(headers["source-partition"]), int(headers["source-offset"])]
        counted = keyed[int(headers["keyed-partition"]), int(headers["keyed-offset"])]
        assert (record.key, record.value) == (source.key, source.value) == (counted.key, counted.value)
        assert record.headers[: len(source.headers)] == source.headers
        assert len(record.headers) == len(source.headers) + 7


def test_totals_are_those_of_the_input(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Without keys, over a kill and a second processor; and the audit, which recounts, finds no difference."""
    with moving_pipeline(kafka, tmp_path, unique_name) as pipeline:
        recount = Recount()
        pipeline.produce_all(recount.add(event) for event in generate(20_000, seed=1, keyed=False))
        first = pipeline.start("process")
        with Feeder(pipeline, recount):
            wait_for_more(pipeline)
            first.kill()
            first.wait()
            first = pipeline.start("process")
            second = pipeline.start("process", "b")
            wait_until(lambda: TAKEN in pipeline.log_of("process", "b"), what="the second counts")
            wait_for_more(pipeline, 3_000)
        recount.check(pipeline)
        check_moved(pipeline)
        check_rejected(pipeline)
        assert pipeline.start("audit").wait(120) == 0, pipeline.log_of("audit")
        for process in (first, second):
            process.terminate()
            assert process.wait(120) == 0
        plant_double(pipeline)
        assert pipeline.start("audit", "again").wait(120) == 1
        assert "moved" in pipeline.log_of("audit", "again")


def plant_double(pipeline: Pipeline) -> None:
    """Write a record to the keyed topic that was moved to it already."""
    settings = pipeline.settings
    (double, *_) = read_whole(settings, settings.keyed_topic, KEYED_PARTITIONS)
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    producer.produce(settings.keyed_topic, double.value, double.key, double.partition, headers=list(double.headers))
    assert producer.flush(60) == 0


@pytest.mark.parametrize(("counted", "other"), [("topic", "partition"), ("partition", "topic")])
def test_the_scope_stays_what_it_was(kafka: Kafka, tmp_path: Path, unique_name: str, counted: str, other: str) -> None:
    """A group that has counted from one topic does not begin with the other one."""
    with moving_pipeline(kafka, tmp_path, unique_name) as pipeline:
        recount = Recount()
        pipeline.produce_all(recount.add(event) for event in generate(300, seed=1))
        process = pipeline.start("process", "a", dedup_scope=counted)
        wait_until(lambda: pipeline.consumed() >= 300, what="all counted")
        process.terminate()
        assert process.wait(120) == 0
        refused = pipeline.start("process", "b", dedup_scope=other)
        assert refused.wait(120) == 1
        said = pipeline.log_of("process", "b").splitlines()[-1]
        assert f"with dedup_scope: {other} it would count from" in said
        assert "docs/runbook.md#scope-changed" in said
