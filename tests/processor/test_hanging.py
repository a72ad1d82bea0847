"""Records of a committed transaction that got no marker, as a broker that was killed leaves them: they get one.

A broker that checks nothing takes records of a transaction that its coordinator does not know of. They hang like those
whose markers were lost.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from billing.subtotal import ProgressKey, encode_key, encode_progress
from billing.topics import changelog_topic
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port
from tests.pipeline import INPUT_PARTITIONS, SHORT_SESSION, Pipeline, wait_until
from tests.processor.test_exactly_once import Recount, generate
from tests.raw_producer import HangingProducer
from tests.torn_transactions import hanging_partitions
from tests.whole_topic import read_whole

pytestmark = [pytest.mark.spread, pytest.mark.timeout(300), pytest.mark.slow("brokers that fail")]

PARTITION = 1
HEADERS = {"__column_family__": b"default", "__processed_tp_offsets__": b"null"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    """A broker that takes records without asking the coordinator."""
    with KafkaBroker(tmp_path / "kafka", free_port()) as broker:
        entry = ConfigEntry(
            "transaction.partition.verification.enable", "false", incremental_operation=AlterConfigOpType.SET
        )
        resource = ConfigResource(ResourceType.BROKER, "0", incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        (changed,) = admin.incremental_alter_configs([resource]).values()
        changed.result(30)
        yield broker


@pytest.fixture
def counted(broker: KafkaBroker, tmp_path: Path, unique_name: str) -> Iterator[tuple[Pipeline, Recount]]:
    """A pipeline that has counted something, and whose processor is stopped."""
    with Pipeline(broker.bootstrap_servers, tmp_path, unique_name, kafka=SHORT_SESSION) as pipeline:
        recount = Recount()
        process = pipeline.start("process")
        pipeline.produce_all(recount.add(event) for event in generate(2_000, 1))
        recount.check(pipeline)
        process.terminate()
        assert process.wait(60) == 0
        yield pipeline, recount


def topics_of(pipeline: Pipeline) -> list[str]:
    settings = pipeline.settings
    return [settings.subtotals_topic, changelog_topic(settings.consumer_group, settings.counted_topic)]


def wait_until_nothing_hangs(pipeline: Pipeline) -> None:
    wait_until(
        lambda: not hanging_partitions(pipeline.settings.bootstrap_servers, topics_of(pipeline)), 60.0, "nothing hangs"
    )


def test_what_hangs_counts_without_another_event(counted: tuple[Pipeline, Recount]) -> None:
    """Nothing comes in any more: the records are made to count, and totals stay as they are."""
    pipeline, recount = counted
    key, value = encode_key(ProgressKey(PARTITION)), encode_progress(pipeline.progress()[PARTITION])
    hanging = HangingProducer(pipeline.settings.bootstrap_servers, f"{pipeline.settings.consumer_group}-a")
    subtotals, changelog = topics_of(pipeline)
    offset = hanging.produce(subtotals, PARTITION, key, value)
    hanging.produce(changelog, PARTITION, key, value, HEADERS)
    assert len(hanging_partitions(pipeline.settings.bootstrap_servers, topics_of(pipeline))) == 2
    pipeline.start("process")
    wait_until_nothing_hangs(pipeline)
    committed = read_whole(pipeline.settings, subtotals, INPUT_PARTITIONS)
    assert (PARTITION, offset) in {(record.partition, record.offset) for record in committed}
    recount.check(pipeline)
    pipeline.produce_all(recount.add(event) for event in generate(1_000, 2, keyed=False))
    recount.check(pipeline)


def test_state_that_was_lost_is_restored_from_what_hangs(counted: tuple[Pipeline, Recount]) -> None:
    """The group has the offset and the changelog the records, but they hang: they get a marker and are read back."""
    pipeline, _ = counted
    settings = pipeline.settings
    before = pipeline.progress()[PARTITION]
    pipeline.produce(b"not an event", partition=PARTITION)
    pipeline.flush()
    after = replace(
        before,
        next_offset=before.next_offset + 1,
        rejected={**before.rejected, "malformed": before.rejected.get("malformed", 0) + 1},
    )
    hanging = HangingProducer(settings.bootstrap_servers, f"{settings.consumer_group}-a")
    subtotals, changelog = topics_of(pipeline)
    key, value = encode_key(ProgressKey(PARTITION)), encode_progress(after)
    hanging.produce(subtotals, PARTITION, key, value)
    counted_to = b'{"%s":%d}' % (settings.input_topic.encode(), before.next_offset)
    hanging.produce(changelog, PARTITION, key, value, {**HEADERS, "__processed_tp_offsets__": counted_to})
    offsets = [TopicPartition(settings.input_topic, PARTITION, after.next_offset)]
    group = ConsumerGroupTopicPartitions(settings.consumer_group, offsets)
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})

    def set_offsets() -> bool:
        (answer,) = admin.alter_consumer_group_offsets([group]).values()
        return all(one.error is None for one in answer.result(30).topic_partitions)

    wait_until(set_offsets, 30.0, "the group has no member and takes offsets")
    shutil.rmtree(settings.state_dir)
    process = pipeline.start("process")
    wait_until(lambda: pipeline.progress()[PARTITION].next_offset == after.next_offset, what="State is restored")
    wait_until_nothing_hangs(pipeline)
    assert process.poll() is None
    assert pipeline.consumed() == 2_001
