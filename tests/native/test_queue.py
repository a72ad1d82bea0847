"""Records taken from a queue of our own are those that `consume()` gives: same bytes, same order, each once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from billing.runtime.native.block import JoinedBlock, PartitionRecords, RecordBlock
from billing.runtime.native.client import handle_of, native_library
from billing.runtime.native.copying import copies
from billing.runtime.native.queue import RecordQueue
from tests.conftest import Kafka

WAIT_SECONDS = 90.0
PARTITIONS = 3
MOST = 500
CLIENT_ID = "qb-native"
Seen = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]], int]


def record(number: int) -> dict[str, Any]:
    """One of the kinds of records: with and without key, value, headers; empty and long ones."""
    return {
        "value": (None, b"", b"x" * number, "Zoë".encode() * 9)[number % 4],
        "key": (None, b"", f"k{number}".encode())[number % 3],
        "headers": ([], [("a", b"1"), ("a", None), ("", b"")])[number % 2],
        "partition": number % PARTITIONS,
        "timestamp": 1_700_000_000_000 + number,
    }


@pytest.fixture
def topic(kafka: Kafka, topic_prefix: str) -> str:
    """A topic that holds two thousand records."""
    name = f"{topic_prefix}native"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(WAIT_SECONDS)
    produce(kafka, name, range(2_000))
    return name


def produce(kafka: Kafka, topic: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "enable.idempotence": True})
    for number in numbers:
        producer.produce(topic, **record(number))
    assert producer.flush(WAIT_SECONDS) == 0


@contextmanager
def consumer_of(kafka: Kafka, group: str, **options: Any) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": group,
            "client.id": CLIENT_ID,
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
            "session.timeout.ms": 10_000,
            **options,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def queue_of(consumer: Consumer, topic: str) -> RecordQueue:
    queue = RecordQueue.of(consumer, CLIENT_ID, topic, MOST)
    assert queue is not None, "the client that is installed is not read natively"
    return queue


def contents(block: RecordBlock) -> list[Seen]:
    """What a block says of each record, by partition: one by one, and of many at once."""
    return [seen for part in block.by_partition() for seen in contents_of(part)]


def contents_of(part: PartitionRecords) -> list[Seen]:
    indices = range(len(part))
    values, keys = [part.value(i) for i in indices], [part.key(i) for i in indices]
    headers = [part.headers(i) for i in indices]
    for some in (list(indices), list(indices)[::-2]):
        assert [*part.values_at(some)] == [values[i] for i in some]
        held = part.gathered(some)
        assert [copies(*places) for _, *places in held] == [[keys[i] for i in some], [values[i] for i in some]]
        assert part.headers_at(some) == [headers[i] for i in some]
    return [
        (part.partition, int(part.offsets[i]), values[i], keys[i], headers[i], part.timestamp_ms(i)) for i in indices
    ]


def until(done: Callable[[], bool], step: Callable[[], None]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline
        step()


def read_natively(kafka: Kafka, topic: str, group: str, count: int) -> list[Seen]:
    seen: list[Seen] = []
    with consumer_of(kafka, group) as consumer:
        queue = queue_of(consumer, topic)
        queue.forward(range(PARTITIONS))
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])

        def step() -> None:
            assert consumer.poll(0) is None
            block, errors = queue.drain(0.05)
            assert not errors
            seen.extend(contents(block))
            block.release()

        until(lambda: len(seen) >= count, step)
        queue.close()
    return seen


def read_joined(kafka: Kafka, topic: str, group: str, count: int) -> list[Seen]:
    seen: list[Seen] = []
    with consumer_of(kafka, group) as consumer:
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])

        def step() -> None:
            messages = consumer.consume(MOST, 0.05)
            assert all(message.error() is None for message in messages)
            seen.extend(contents(JoinedBlock(messages)))

        until(lambda: len(seen) >= count, step)
    return seen


def test_both_ways_give_what_was_produced(kafka: Kafka, topic: str, topic_prefix: str) -> None:
    """Values, keys, headers and times; none, empty and long ones told apart."""
    expected = sorted(
        (r["partition"], number // PARTITIONS, r["value"], r["key"], r["headers"], r["timestamp"])
        for number in range(2_000)
        for r in [record(number)]
    )
    for read in (read_natively, read_joined):
        seen = read(kafka, topic, topic_prefix, 2_000)
        assert sorted(seen, key=lambda each: each[:2]) == sorted(expected, key=lambda each: each[:2])
        for partition in range(PARTITIONS):
            offsets = [each[1] for each in seen if each[0] == partition]
            assert all(after == before + 1 for before, after in pairwise(offsets))


def test_an_error_of_a_partition_comes_in_its_place(kafka: Kafka, topic: str, topic_prefix: str) -> None:
    """A position that the topic does not have is told, with its partition."""
    with consumer_of(kafka, topic_prefix) as consumer:
        queue = queue_of(consumer, topic)
        queue.forward([1])
        consumer.assign([TopicPartition(topic, 1, 999_999)])
        found: list[Any] = []

        def step() -> None:
            consumer.poll(0)
            block, errors = queue.drain(0.05)
            assert not len(block)
            found.extend(errors)

        until(lambda: bool(found), step)
        assert (found[0].partition, found[0].error.code()) == (1, KafkaError._AUTO_OFFSET_RESET)
        queue.close()


def test_a_seek_leaves_nothing_stale(kafka: Kafka, topic: str, topic_prefix: str) -> None:
    """What was fetched before a seek does not come after it."""
    with consumer_of(kafka, topic_prefix) as consumer:
        queue = queue_of(consumer, topic)
        queue.forward([0])
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        offsets: list[int] = []

        def step() -> None:
            consumer.poll(0)
            block, _ = queue.drain(0.05)
            offsets.extend(block.offsets.tolist())

        until(lambda: len(offsets) >= MOST, step)
        offsets.clear()
        consumer.seek(TopicPartition(topic, 0, 3))
        until(lambda: len(offsets) >= 600, step)
        assert offsets[:600] == list(range(3, 603))
        queue.close()


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_members_that_come_and_go(kafka: Kafka, topic: str, topic_prefix: str, strategy: str) -> None:
    """Whatever the rebalances: nothing comes through the client's own queue, nothing out of order or not owned."""
    members = [Member(kafka, topic, f"{topic_prefix}{strategy}", strategy)]

    def step() -> None:
        for member in members:
            member.step()

    try:
        until(lambda: len(members[0].owned) == PARTITIONS, step)
        members.append(Member(kafka, topic, f"{topic_prefix}{strategy}", strategy))
        until(lambda: all(member.owned for member in members), step)
        produce(kafka, topic, range(2_000, 2_300))
        until(lambda: newest(members) == {0: 766, 1: 766, 2: 765}, step)
        members.pop().leave()
        until(lambda: len(members[0].owned) == PARTITIONS, step)
        produce(kafka, topic, range(2_300, 2_600))
        until(lambda: newest(members) == {0: 866, 1: 866, 2: 865}, step)
    finally:
        for member in members:
            member.leave()


def newest(members: "list[Member]") -> dict[int, int]:
    """The newest offset that anybody has read, by partition."""
    return {p: max(member.last.get(p, -1) for member in members) for p in range(PARTITIONS)}


class Member:
    """A member of a group that reads natively, from the beginning of whatever it is given."""

    def __init__(self, kafka: Kafka, topic: str, group: str, strategy: str) -> None:
        self.owned: set[int] = set()
        self.last: dict[int, int] = {}
        self._context = consumer_of(kafka, group, **{"partition.assignment.strategy": strategy})
        self._consumer = self._context.__enter__()
        self._incremental = strategy == "cooperative-sticky"
        self._queue = queue_of(self._consumer, topic)
        self._consumer.subscribe([topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke)

    def step(self) -> None:
        """Do one round: serve the client, take what waits."""
        assert self._consumer.poll(0) is None
        block, errors = self._queue.drain(0.02)
        assert not errors
        for part in block.by_partition():
            assert part.partition in self.owned
            offsets = [self.last.get(part.partition, -1), *part.offsets.tolist()]
            assert all(after == before + 1 for before, after in pairwise(offsets))
            self.last[part.partition] = offsets[-1]
        block.release()

    def leave(self) -> None:
        """Leave the group."""
        self._queue.close()
        self._context.__exit__(None, None, None)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            each.offset = OFFSET_BEGINNING
            self.last.pop(each.partition, None)
        self._queue.forward([each.partition for each in partitions])
        self.owned |= {each.partition for each in partitions}
        (consumer.incremental_assign if self._incremental else consumer.assign)(partitions)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        (consumer.incremental_unassign(partitions) if self._incremental else consumer.unassign())
        self._queue.let_go([each.partition for each in partitions])
        self.owned -= {each.partition for each in partitions}


def test_a_handle_that_does_not_tell_the_name_is_not_used(kafka: Kafka, topic_prefix: str) -> None:
    """Another client's name means that the handle was not found where it was looked for."""
    library = native_library()
    assert library is not None
    with consumer_of(kafka, topic_prefix) as consumer:
        assert handle_of(consumer, library, CLIENT_ID)
        assert handle_of(consumer, library, "another") is None
