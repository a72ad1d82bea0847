"""Consumes and looks at each value, as fast as Python can.

``python -m benchmarks.bare SERVERS TOPIC PARTITIONS RECORDS``; prints the rate as JSON.
"""

import gc
import json
import sys
from dataclasses import asdict

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.rate import Rate, rate_of

_BATCH = 10_000


def fast_consumer(servers: str, client: str) -> Consumer:
    """Return a consumer of committed records that does not wait where there are some; it is named for its program."""
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": client,
            "client.id": client,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 10,
        }
    )


def beginnings(topic: str, partitions: int) -> list[TopicPartition]:
    """Return where each partition of a topic begins."""
    return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)]


def batch_of(records: int) -> int:
    """Return how many records are taken at once: few of them, as tests have them, still are several batches."""
    return max(1, min(_BATCH, records // 10))


def consume(servers: str, topic: str, partitions: int, records: int) -> Rate:
    """Read so many records of a topic from its beginning and return the rate."""
    consumer = fast_consumer(servers, "bare")
    consumer.assign(beginnings(topic, partitions))
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    batch = batch_of(records)
    rate = rate_of(lambda: len([message.value() for message in consumer.consume(batch, 0.05)]), records)
    consumer.close()
    return rate


if __name__ == "__main__":
    print(json.dumps(asdict(consume(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))))
