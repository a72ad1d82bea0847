"""Whatever happens to who moves records, the keyed topic holds each record of the input exactly once, in order."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from billing.runtime.kafka import admin_client
from billing.runtime.topic_check import widen_topic
from billing.topics import moved_topic
from tests.conftest import Kafka
from tests.moving.world import MODULE, Feeder, check_moved, events, moved, moving_pipeline, wait_for_more
from tests.pipeline import INPUT_PARTITIONS, wait_until

pytestmark = [pytest.mark.spread, pytest.mark.timeout(600)]

TAKEN = "input partition taken over for moving"


@pytest.mark.parametrize("natively", [True, pytest.param(False, marks=pytest.mark.slow("moving through Python"))])
def test_records_of_all_kinds_are_moved(kafka: Kafka, tmp_path: Path, unique_name: str, natively: bool) -> None:
    """With headers, times of long ago, without a value, and one that is too large to be handed on whole."""
    with moving_pipeline(kafka, tmp_path, unique_name, native_reading=natively) as pipeline:
        producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
        for number in range(3_000):
            producer.produce(
                pipeline.settings.input_topic,
                value=(None, b"", b"1488142855,Charlie,1", b'{"void":"1","customer":"Zo\xc3\xab"}')[number % 4],
                key=(None, b"", b"k")[number % 3],
                headers=[("a", b"1"), ("b", None)] if number % 5 == 0 else [],
                timestamp=1_000_000 + number,
            )
        assert producer.flush(60) == 0
        pipeline.produce_all(events(3_000, seed=1))
        pipeline.start("move", module=MODULE)
        check_moved(pipeline)


def test_kills_and_rebalances_change_nothing(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Killed three times in mid-flight; a second joins and leaves, a third is killed for good; partitions are added."""
    with moving_pipeline(kafka, tmp_path, unique_name) as pipeline:
        with Feeder(pipeline):
            first = pipeline.start("move", "a", module=MODULE)
            for _ in range(3):
                wait_for_more(pipeline)
                first.kill()
                first.wait()
                first = pipeline.start("move", "a", module=MODULE)
            second = pipeline.start("move", "b", module=MODULE)
            wait_until(lambda: TAKEN in pipeline.log_of("move", "b"), what="the second has partitions")
            wait_for_more(pipeline, 2_000)
            second.terminate()
            assert second.wait(120) == 0
            widen_topic(admin_client(pipeline.settings), pipeline.settings.input_topic, INPUT_PARTITIONS + 3)
            third = pipeline.start("move", "c", module=MODULE)
            wait_until(lambda: TAKEN in pipeline.log_of("move", "c"), what="the third has partitions")
            wait_for_more(pipeline)
            third.kill()
            added = f"partition={INPUT_PARTITIONS + 2}"
            wait_until(lambda: added in pipeline.log_of("move", "a"), what="the partitions that were added are moved")
            wait_for_more(pipeline)
        check_moved(pipeline)
        assert {record.partition for record in moved(pipeline)} == set(range(6))
        first.terminate()
        assert first.wait(120) == 0


def test_what_tells_how_far_records_are_moved_may_not_be_lost(kafka: Kafka, tmp_path: Path, unique_name: str) -> None:
    """Without it nobody knows: it stops, moves nothing, and names the section."""
    with moving_pipeline(kafka, tmp_path, unique_name) as pipeline:
        pipeline.produce_all(events(500, seed=1))
        process = pipeline.start("move", "a", module=MODULE)
        check_moved(pipeline)
        process.terminate()
        assert process.wait(120) == 0
        topic = moved_topic(pipeline.settings.keyed_topic)
        admin = admin_client(pipeline.settings)
        admin.delete_topics([topic])[topic].result(60)
        wait_until(lambda: topic not in admin.list_topics(timeout=30).topics, what="the topic is gone")
        again = pipeline.start("move", "a", module=MODULE)
        assert again.wait(120) == 1
        said = pipeline.log_of("move").splitlines()[-1]
        assert "does not say so: it was deleted or cut" in said
        assert "docs/runbook.md#moving" in said
        assert len(moved(pipeline)) == 500
