"""Reads a topic whole, and ends."""

import time
from collections.abc import Mapping

from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings

READING_SECONDS = 120.0


def read_whole(
    settings: Settings, topic: str, partitions: int, start_offsets: Mapping[int, int] | None = None
) -> list[Record]:
    """Return the committed records of a topic, from the start or other offsets up to the end of each partition.

    Raises:
        AssertionError: an end is not reached in time, because of a transaction that stays open or no answer from Kafka.
    """
    deadline = time.monotonic() + READING_SECONDS
    records: list[Record] = []
    with TopicReader(settings, topic, partitions, start_offsets) as reader:
        while not reader.caught_up:
            assert time.monotonic() < deadline, f"the end of {topic} was not reached in {READING_SECONDS} s"
            records += reader.poll()
    return records
