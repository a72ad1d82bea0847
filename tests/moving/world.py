"""What tests of the moving share: an input, movers as processes, and what the keyed topic must hold in the end."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from billing.clock import SystemClock
from billing.event import customer_of
from billing.moved_record import split_headers
from billing.runtime.kafka import admin_client
from billing.runtime.native.block import joined
from billing.runtime.topic_reader import Record, TopicReader
from generator.events import EventMix, GeneratedEvent, generate_events
from processor.kernel.keyed import place_names
from tests.conftest import Kafka
from tests.feeder import MOST_AHEAD, BackgroundFeeder
from tests.hanging import assert_nothing_hangs
from tests.pipeline import Pipeline, wait_until
from tests.whole_topic import read_whole

KEYED_PARTITIONS = 6
SHORT_SESSION = "{session.timeout.ms: 3000, heartbeat.interval.ms: 300}"
# The setting max_event_bytes: what is larger is rejected in any case, and not read to find out whose it is.
MOST_BYTES = 16_384
MIX = EventMix(customers=200, malformed_share=0.02, keyed=False)
MODULE = "tests.moving.mover_process"


def moving_pipeline(kafka: Kafka, folder: Path, name: str, **options: object) -> Pipeline:
    """A pipeline whose records are moved first."""
    return Pipeline(
        kafka.bootstrap_servers,
        folder,
        name,
        **{
            "dedup_scope": "topic",
            "keyed_topic": f"{name}.keyed",
            "keyed_partitions": KEYED_PARTITIONS,
            "kafka": SHORT_SESSION,
            **options,
        },
    )


def events(count: int, seed: int) -> Iterator[GeneratedEvent]:
    """Some events without keys, of all forms, and some that cannot be billed."""
    return islice(generate_events(MIX, seed, SystemClock()), count)


class Feeder(BackgroundFeeder):
    """Produces in the background until it is told to stop."""

    def __init__(self, pipeline: Pipeline) -> None:
        def send(seed: int) -> None:
            if pipeline.ahead < MOST_AHEAD:
                pipeline.produce_all(events(200, seed))

        super().__init__(send)


def moved(pipeline: Pipeline) -> list[Record]:
    """Return what the keyed topic holds, committed."""
    return read_whole(pipeline.settings, pipeline.settings.keyed_topic, KEYED_PARTITIONS)


def wait_for_moved(pipeline: Pipeline, count: int, more: int = 0) -> None:
    """Wait until so many records are moved, and so many more than there are now."""
    found = 0
    with TopicReader(pipeline.settings, pipeline.settings.keyed_topic, KEYED_PARTITIONS) as reader:

        def read() -> bool:
            nonlocal found
            found += len(reader.poll())
            pipeline.note_seen(found)
            return reader.caught_up

        wait_until(read, what="the end of what is moved")
        wanted = max(count, found + more)
        wait_until(lambda: read() and found >= wanted, what=f"{wanted} records moved")


def wait_for_more(pipeline: Pipeline, records: int = 1_000) -> None:
    """Wait until so many more records are moved."""
    wait_for_moved(pipeline, 0, more=records)


def check_moved(pipeline: Pipeline) -> None:
    """Wait until all is moved; then assert that each record is there once, unchanged, in order, where it belongs."""
    settings = pipeline.settings
    partitions = len(admin_client(settings).list_topics(settings.input_topic).topics[settings.input_topic].partitions)
    inputs = {(one.partition, one.offset): one for one in read_whole(settings, settings.input_topic, partitions)}
    wait_for_moved(pipeline, len(inputs))
    last: dict[tuple[int, int], int] = {}
    seen: Counter[tuple[int, int]] = Counter()
    for record in moved(pipeline):
        headers, place = split_headers(record.headers)
        assert place is not None
        seen[place.partition, place.offset] += 1
        original = inputs[place.partition, place.offset]
        assert (record.key, record.value, record.timestamp_ms) == (original.key, original.value, original.timestamp_ms)
        assert tuple(headers) == original.headers
        assert record.partition == target_of(original)
        assert place.offset > last.get((record.partition, place.partition), -1), "in the order of the input"
        last[record.partition, place.partition] = place.offset
    assert set(seen.values()) == {1}, "none twice"
    assert seen.keys() == inputs.keys(), "none left out"
    assert_nothing_hangs(settings)


def target_of(record: Record) -> int:
    """Return the partition that a record of the input belongs to."""
    is_read = len(record.value or b"") <= MOST_BYTES
    customer = customer_of(record.value) if is_read else None
    if customer is None:
        return record.partition % KEYED_PARTITIONS
    found = np.empty(1, np.int64)
    buffer, addresses, lengths = joined([customer.encode()])
    place_names(addresses, lengths, KEYED_PARTITIONS, found)
    del buffer
    return int(found[0])
