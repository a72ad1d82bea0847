"""Reads a topic to its end, for checks: committed records only, with little Python per record."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from billing.runtime.kafka import meet_brokers
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import load_settings

_BATCH = 10_000
_SILENT_ROUNDS = 300


@contextmanager
def without_collection() -> Iterator[None]:
    """Let Python not look for what refers to itself, which takes long where there are many objects."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def read_all(servers: str, topic: str, partitions: int) -> Iterator[list[Message]]:
    """Yield the committed records of a topic in batches, in order within a partition, up to where it ends now.

    A transaction may be committed for its group, and not yet for all partitions that it wrote to: that is waited for.

    Raises:
        KafkaException: the client has met an error, or the end does not come in half a minute of silence.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "bench-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 10,
        }
    )
    # What is written, whether its transaction has ended or not.
    ends = PartitionBounds(load_settings({"bootstrap_servers": servers}, {})).log_ends(topic, range(partitions))
    meet_brokers(consumer, topic)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    behind, silent = set(range(partitions)), 0
    try:
        while behind and silent < _SILENT_ROUNDS:
            messages = consumer.consume(_BATCH, 0.1)
            silent = 0 if messages else silent + 1
            failed = [message for message in messages if message.error() is not None]
            for message in failed:
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                if message.offset() >= ends[message.partition()]:
                    behind.discard(message.partition())
            yield [message for message in messages if message.error() is None] if failed else messages
    finally:
        consumer.close()
    if behind:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{topic} has no end: partitions {sorted(behind)}"))


def count_records(servers: str, topic: str, partitions: int) -> int:
    """Return how many committed records a topic holds; markers of transactions are none."""
    return sum(len(batch) for batch in read_all(servers, topic, partitions))


def newest_values(servers: str, topic: str, partitions: int) -> dict[bytes, bytes]:
    """Return the newest committed value of each key of a topic."""
    latest: dict[bytes, bytes] = {}
    for batch in read_all(servers, topic, partitions):
        latest.update([(message.key(), message.value()) for message in batch])
    return latest
