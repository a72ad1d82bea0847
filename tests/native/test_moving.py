"""Records that are handed on natively are those that were read, with one header more."""

from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from billing.moved_record import MOVED_HEADER, PLACE_BYTES, InputPlace, decode_place, split_headers
from billing.runtime.block_reader import BlockReader
from billing.runtime.native.block import NativeBlock
from billing.runtime.native.moving import BulkMover
from billing.runtime.topic_reader import Record
from billing.settings import Settings, load_settings
from tests.conftest import Kafka
from tests.native.test_queue import PARTITIONS, produce
from tests.whole_topic import read_whole

WAIT_SECONDS = 90.0
CLIENT_ID = "qb-mover"
RECORDS = 3_000


@pytest.fixture
def settings(kafka: Kafka) -> Settings:
    return load_settings({"bootstrap_servers": kafka.bootstrap_servers}, {})


@pytest.fixture
def topics(kafka: Kafka, topic_prefix: str) -> tuple[str, str]:
    """A topic with records of all kinds, and an empty one with one partition more."""
    names = f"{topic_prefix}from", f"{topic_prefix}to"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for future in admin.create_topics(
        [NewTopic(names[0], PARTITIONS, 1), NewTopic(names[1], PARTITIONS + 1, 1)]
    ).values():
        future.result(WAIT_SECONDS)
    produce(kafka, names[0], range(RECORDS))
    return names


def as_it_was(record: Record) -> tuple[Any, ...]:
    return record.key, record.value, record.timestamp_ms, record.headers


@pytest.mark.parametrize("room", [1_000_000, 500])
def test_records_are_handed_on_as_they_were(
    kafka: Kafka, settings: Settings, topics: tuple[str, str], room: int
) -> None:
    """Key, value, time and headers, also empty ones and none; each tells where it lay; also with little room."""
    source, to = topics
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "client.id": CLIENT_ID, "queue.buffering.max.messages": room}
    )
    mover = BulkMover.of(producer, CLIENT_ID, to, MOVED_HEADER)
    assert mover is not None
    moved = 0
    with BlockReader(settings, source, PARTITIONS) as reader:
        while not reader.caught_up:
            with reader.lent() as block:
                if len(block):
                    assert isinstance(block, NativeBlock)
                    mover.move(block, np.arange(len(block)), block.partitions + 1)
                    moved += len(block)
    assert producer.flush(WAIT_SECONDS) == 0
    mover.close()
    mover.close()
    assert moved == RECORDS
    read = {(record.partition, record.offset): record for record in read_whole(settings, source, PARTITIONS)}
    for record in read_whole(settings, to, PARTITIONS + 1):
        headers, place = split_headers(record.headers)
        assert place is not None
        original = read.pop((place.partition, place.offset))
        assert record.partition == original.partition + 1
        assert as_it_was(record)[:3] == as_it_was(original)[:3]
        assert tuple(headers) == original.headers
    assert not read


@pytest.mark.parametrize("natively", [True, False])
def test_the_last_header_of_a_name_is_found(
    kafka: Kafka, settings: Settings, topics: tuple[str, str], natively: bool
) -> None:
    """Whichever way records are read: among others, of the right length only, and none where there is none."""
    topic = topics[1]
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    right, other = (1).to_bytes(4, "little") + (2**40).to_bytes(8, "little"), b"x" * PLACE_BYTES
    kinds: list[list[tuple[str, bytes | None]]] = [
        [],
        [(MOVED_HEADER, right)],
        [("a", b"1"), (MOVED_HEADER, other), (MOVED_HEADER, right)],
        [(MOVED_HEADER, b"short")],
        [(MOVED_HEADER, None)],
        [("b", right)],
    ]
    for kind in kinds:
        producer.produce(topic, b"v", partition=0, headers=kind)
    assert producer.flush(WAIT_SECONDS) == 0
    found: list[InputPlace | None] = []
    with BlockReader(settings, topic, PARTITIONS + 1, natively=natively) as reader:
        while len(found) < len(kinds):
            with reader.lent() as block:
                values, there = block.last_headers(MOVED_HEADER, PLACE_BYTES)
                found += [decode_place(v.tobytes()) if t else None for v, t in zip(values, there, strict=True)]
    assert found == [None, InputPlace(1, 2**40), InputPlace(1, 2**40), None, None, None]
