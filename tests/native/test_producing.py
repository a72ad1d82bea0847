"""Records handed over in bulk are those that `produce()` would have sent, in order, and belong to transactions."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from billing.runtime.native.block import joined, joined_if_any
from billing.runtime.native.producing import BulkProducer
from tests.conftest import Kafka

WAIT_SECONDS = 90.0
CLIENT_ID = "qb-bulk"
Seen = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]


@pytest.fixture
def topic(kafka: Kafka, topic_prefix: str) -> str:
    """An empty topic of two partitions."""
    name = f"{topic_prefix}bulk"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(WAIT_SECONDS)
    return name


def producer_of(kafka: Kafka, **options: object) -> tuple[Producer, BulkProducer]:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "client.id": CLIENT_ID, **options})
    bulk = BulkProducer.of(producer, CLIENT_ID)
    assert bulk is not None, "the client that is installed is not used in bulk"
    return producer, bulk


@contextmanager
def reader_of(kafka: Kafka, topic: str, partition: int) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    try:
        yield consumer
    finally:
        consumer.close()


def committed(kafka: Kafka, topic: str, partition: int) -> list[Seen]:
    """All that is committed on a partition."""
    seen: list[Seen] = []
    with reader_of(kafka, topic, partition) as consumer:
        while True:
            message = consumer.poll(WAIT_SECONDS)
            assert message is not None
            if message.error():  # the end
                return seen
            seen.append((message.key(), message.value(), message.headers() or []))


def test_a_committed_transaction_holds_all_and_an_aborted_one_nothing(kafka: Kafka, topic: str) -> None:
    """Keys, values and headers as they were given; empty ones; more records than the queue has room for."""
    options = {"transactional.id": topic, "queue.buffering.max.messages": 1_000}
    producer, bulk = producer_of(kafka, **options)
    producer.init_transactions(WAIT_SECONDS)
    keys = [b"k%d" % number for number in range(5_000)]
    values = [b"v" * (number % 50) for number in range(5_000)]
    headers = [("name", b"default"), ("offsets", b'{"t": 1}')]
    producer.begin_transaction()
    bulk.produce(topic, 1, keys, [b"aborted"] * len(keys))
    producer.abort_transaction(WAIT_SECONDS)
    producer.begin_transaction()
    bulk.produce(topic, 1, keys, values, headers)
    bulk.produce(topic, 1, [b""], [b""])
    bulk.produce(topic, 1, [], [])
    producer.commit_transaction(WAIT_SECONDS)
    assert committed(kafka, topic, 1) == [*((k, v, headers) for k, v in zip(keys, values, strict=True)), (b"", b"", [])]
    assert committed(kafka, topic, 0) == []


def test_each_record_has_its_own_headers_and_goes_where_its_key_says(kafka: Kafka, topic: str) -> None:
    """As `produce()` would have it: no key, no value, a header without a value; more than the queue has room for."""
    options = {"queue.buffering.max.messages": 1_000}
    keys = [None, b"", *(b"k%d" % (number % 7) for number in range(3_000))]
    values = [b"v", None, *(b"%d" % number for number in range(3_000))]
    headers: list[tuple[str, list[bytes | None]]] = [
        ("first", [None, b"", *(b"a%d" % number for number in range(3_000))]),
        ("second", [b"x" * (number % 300) for number in range(3_002)]),
    ]
    producer, bulk = producer_of(kafka, **options)
    columns = [(name, joined_if_any(column)) for name, column in headers]
    bulk.produce_each(topic, joined_if_any(keys), joined_if_any(values), columns)
    bulk.produce_each(topic, joined([]), joined([]), [("first", joined([]))])
    assert producer.flush(WAIT_SECONDS) == 0
    seen = [record for partition in range(2) for record in committed(kafka, topic, partition)]
    rows = zip(keys, values, headers[0][1], headers[1][1], strict=True)
    expected = [(key, value, [("first", first), ("second", second)]) for key, value, first, second in rows]
    assert sorted(seen, key=repr) == sorted(expected, key=repr)
    partition_of = {key: partition for partition in range(2) for key, _, _ in committed(kafka, topic, partition) if key}
    for key in {key for key in keys if key}:
        producer.produce(topic, b"alone", key)
    assert producer.flush(WAIT_SECONDS) == 0
    for partition in range(2):
        alone = {key for key, value, _ in committed(kafka, topic, partition) if value == b"alone"}
        assert all(partition_of[key] == partition for key in alone if key)


def test_a_record_that_the_client_refuses_is_an_error(kafka: Kafka, topic: str) -> None:
    """One that is too large is told at once, and those before it are not lost."""
    producer, bulk = producer_of(kafka, **{"message.max.bytes": 10_000})
    with pytest.raises(KafkaException, match="large"):
        bulk.produce(topic, 0, [b"a", b"b"], [b"fits", b"x" * 20_000])
    assert producer.flush(WAIT_SECONDS) == 0
    assert [value for _, value, _ in committed(kafka, topic, 0)] == [b"fits"]


def test_a_record_that_is_not_delivered_fails_the_commit(kafka: Kafka, topic: str) -> None:
    """Although nobody asked for a report of it: to a partition that does not exist.

    A client that knows the topic's partitions by then refuses it at once.
    """
    producer, bulk = producer_of(kafka, **{"transactional.id": topic})
    producer.init_transactions(WAIT_SECONDS)
    producer.begin_transaction()

    def send() -> None:
        bulk.produce(topic, 7, [b"k"], [b"v"])
        producer.commit_transaction(WAIT_SECONDS)

    with pytest.raises(KafkaException):
        send()
    producer.abort_transaction(WAIT_SECONDS)
