"""A topic that is read in blocks is the topic: natively and through Python's messages."""

import time
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, KafkaError, Producer

from billing.runtime import block_reader
from billing.runtime.block_reader import BlockReader
from billing.runtime.client_errors import KafkaRefusesError
from billing.runtime.kafka import ensure_topics
from billing.runtime.native.block import RecordBlock
from billing.runtime.native.queue import PartitionError
from billing.runtime.native.source import RecordSource, record_source
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings
from tests.conftest import Kafka

WAIT_SECONDS = 90.0
PARTITIONS = 3
Seen = dict[int, list[tuple[int, bytes | None, bytes | None]]]
both_ways = pytest.mark.parametrize("natively", [True, False])


@pytest.fixture
def settings(kafka: Kafka, topic_prefix: str) -> Settings:
    found = Settings(
        bootstrap_servers=kafka.bootstrap_servers,
        subtotals_topic=f"{topic_prefix}subtotals",
        input_topic=f"{topic_prefix}input",
        invoices_topic=f"{topic_prefix}invoices",
        input_partitions=PARTITIONS,
        kafka={"log_level": 0},
    )
    ensure_topics(found, ("subtotals",))
    return found


def produce(settings: Settings, numbers: range, commits: bool = True) -> None:
    """Write records of every kind in one transaction."""
    options = {"bootstrap.servers": settings.bootstrap_servers, "transactional.id": settings.subtotals_topic}
    producer = Producer(options)
    producer.init_transactions(WAIT_SECONDS)
    producer.begin_transaction()
    for n in numbers:
        value = (None, b"", b"x" * (n % 700))[n % 3]
        producer.produce(settings.subtotals_topic, key=b"k%d" % n if n % 4 else b"", value=value, partition=n % 3)
    producer.flush(WAIT_SECONDS)
    if commits:
        producer.commit_transaction(WAIT_SECONDS)
    else:
        producer.abort_transaction(WAIT_SECONDS)


def read_blocks(reader: BlockReader, seen: Seen, at_least: int = 0) -> None:
    """Read to the end of each partition, and until so many records have been seen."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not reader.caught_up or sum(map(len, seen.values())) < at_least:
        assert time.monotonic() < deadline
        block = reader.poll(0.05)
        for at in range(len(block)):
            record = int(block.offsets[at]), block.key(at), block.value(at)
            seen.setdefault(int(block.partitions[at]), []).append(record)
        block.release()


def whole(settings: Settings) -> tuple[Seen, dict[int, int]]:
    """The topic as the reader that makes objects has it, and where its partitions end."""
    seen: Seen = {}
    with TopicReader(settings, settings.subtotals_topic, PARTITIONS) as reader:
        for records in reader.read_to_end():
            for one in records:
                seen.setdefault(one.partition, []).append((one.offset, one.key, one.value))
        return seen, reader.next_offsets


@both_ways
def test_it_reads_what_is_committed(settings: Settings, natively: bool) -> None:
    """Each record once, in its partition's order, whatever it holds; then live; nothing of what was aborted."""
    produce(settings, range(2_000))
    produce(settings, range(500), commits=False)
    with BlockReader(settings, settings.subtotals_topic, PARTITIONS, 300, natively) as reader:
        seen: Seen = {}
        assert not reader.caught_up
        read_blocks(reader, seen)
        assert (seen, reader.next_offsets) == whole(settings)
        produce(settings, range(2_000, 2_100))
        read_blocks(reader, seen, 2_100)
        assert reader.caught_up
    assert seen == whole(settings)[0]


class Failing:
    """A source that tells of an error behind its first records, and of one that passes before them."""

    def __init__(self, source: RecordSource) -> None:
        self._source = source
        self.is_native = source.is_native
        self.forward, self.let_go, self.close = source.forward, source.let_go, source.close

    def take(self, wait_seconds: float) -> tuple[RecordBlock, list[PartitionError]]:
        """Take records, and add the errors."""
        block, errors = self._source.take(wait_seconds)
        passing = PartitionError(-1, 0, KafkaError(KafkaError._TRANSPORT))
        lost = [PartitionError(0, 7, KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))] if len(block) else []
        return block, [passing, *errors, *lost]


@both_ways
def test_an_error_that_stays_is_raised(settings: Settings, natively: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the records that came before it, again and again; one that passes is not."""

    def source(*arguments: Any) -> Failing:
        return Failing(record_source(*arguments))

    monkeypatch.setattr(block_reader, "record_source", source)
    produce(settings, range(100))
    with BlockReader(settings, settings.subtotals_topic, PARTITIONS, natively=natively) as reader:
        deadline = time.monotonic() + WAIT_SECONDS
        while not len(reader.poll(0.05)):
            assert time.monotonic() < deadline
        for _ in range(2):
            with pytest.raises(KafkaRefusesError, match="does not allow this user to read topic"):
                reader.poll(0.05)


@both_ways
def test_it_ends_at_once(settings: Settings, natively: bool) -> None:
    """With records that nobody has taken, and twice."""
    produce(settings, range(100))
    reader = BlockReader(settings, settings.subtotals_topic, PARTITIONS, 10, natively)
    deadline = time.monotonic() + WAIT_SECONDS
    while not len(reader.poll(0.05)):
        assert time.monotonic() < deadline
    started = time.monotonic()
    reader.close()
    reader.close()
    assert time.monotonic() - started < WAIT_SECONDS / 2


@both_ways
def test_it_begins_where_it_is_told(settings: Settings, natively: bool) -> None:
    """A partition from an offset on, another from its end, the others from their first record."""
    produce(settings, range(90))
    starts = {0: 7, 1: OFFSET_END}
    with BlockReader(settings, settings.subtotals_topic, PARTITIONS, 300, natively, starts) as reader:
        seen: Seen = {}
        read_blocks(reader, seen)
    everything = whole(settings)[0]
    assert seen == {0: everything[0][7:], 2: everything[2]}
