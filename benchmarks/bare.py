"""Consumes and looks at each value, as fast as Python can.

``python -m benchmarks.bare SERVERS TOPIC PARTITIONS RECORDS``; prints the rate as JSON.
"""

import gc
import json
import sys
import time
from dataclasses import asdict

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.rate import Rate, Samples

_BATCH = 10_000
_IDLE_SECONDS = 10.0


def consume(servers: str, topic: str, partitions: int, records: int) -> Rate:
    """Read so many records of a topic from its beginning and return the rate."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "bare",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 10,
        }
    )
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    samples, seen, newest = Samples(), 0, time.monotonic()
    # Few records, as tests have them, still are several batches.
    batch = max(1, min(_BATCH, records // 10))
    while seen < records:
        values = [message.value() for message in consumer.consume(batch, 0.05)]
        seen += len(values)
        now = time.monotonic()
        newest = now if values else newest
        if now > newest + _IDLE_SECONDS:
            raise SystemExit(f"{seen} records are there, not {records}")
        samples.note(now, seen, time.process_time())
    consumer.close()
    return samples.rate()


if __name__ == "__main__":
    print(json.dumps(asdict(consume(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))))
