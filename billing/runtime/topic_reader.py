"""Reads a topic whole, from its first record on and then live, and knows when it has seen all there was."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from billing.runtime.kafka import is_passing, reader_config
from billing.settings import Settings

_METADATA_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """One committed record: `value` None is a tombstone."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


class TopicReader:
    """Reads all partitions of one topic, committed records only, in batches.

    Use it as a context manager, or close it. It is not thread-safe.

    Args:
        settings: where the broker is.
        topic: the topic's name; it must exist.
        partitions: how many partitions it has.
        start_offsets: partition -> offset to begin at; the others begin with their first record.
        fetching: librdkafka options in place of the usual ones, as :mod:`billing.runtime.fetching` has them.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        partitions: int,
        start_offsets: Mapping[int, int] | None = None,
        fetching: Mapping[str, object] | None = None,
    ) -> None:
        self.topic = topic
        self._consumer = Consumer({**reader_config(settings), **(fetching or {})})
        self._fault: KafkaError | None = None
        self.fault_place: tuple[int, int] | None = None
        """Partition and offset at which reading ended with an error."""
        # Who knows the leaders asks them at once; who does not tries again after half a second.
        with suppress(KafkaException):
            self._consumer.list_topics(topic, timeout=_METADATA_SECONDS)
        self._behind = set(range(partitions))
        self._next_offsets = dict.fromkeys(range(partitions), 0)
        starts = start_offsets or {}
        self._consumer.assign([TopicPartition(topic, p, starts.get(p, OFFSET_BEGINNING)) for p in range(partitions)])

    def __enter__(self) -> "TopicReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def caught_up(self) -> bool:
        """Whether the end of each partition has been reached once. It never becomes false again."""
        return not self._behind

    @property
    def next_offsets(self) -> dict[int, int]:
        """The offset up to which, exclusive, all committed records have been read, by partition.

        Markers of transactions take offsets too: they count once the end of the partition has been reached.
        """
        return dict(self._next_offsets)

    def poll(self, max_records: int = 10_000, timeout_seconds: float = 0.1) -> list[Record]:
        """Return the records that are waiting, at most `max_records`; none if there are none in time.

        Raises:
            KafkaException: an error that trying again does not mend; records that came before it were returned.
        """
        records: list[Record] = []
        waiting = [] if self._fault is not None else self._consumer.consume(max_records, timeout_seconds)
        for message in waiting:
            error = message.error()
            if error is None:
                records.append(_record(message))
                self._next_offsets[records[-1].partition] = records[-1].offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._behind.discard(_partition(message))
                self._next_offsets[_partition(message)] = message.offset()
            elif not is_passing(error):
                self._fault, self.fault_place = error, (_partition(message), message.offset())
                break
        if self._fault is not None and not records:
            raise KafkaException(self._fault)
        return records

    def read_to_end(self, max_records: int = 10_000) -> Iterator[list[Record]]:
        """Yield batches until the end of each partition has been reached."""
        while not self.caught_up:
            yield self.poll(max_records)

    def close(self) -> None:
        """Leave the broker. Closing twice is allowed."""
        self._consumer.close()


def _partition(message: Message) -> int:
    partition: int = message.partition()
    return partition


def _record(message: Message) -> Record:
    headers = message.headers() or []
    return Record(
        partition=_partition(message),
        offset=message.offset(),
        key=message.key(),
        value=message.value(),
        timestamp_ms=message.timestamp()[1],
        headers=tuple((name, value) for name, value in headers),
    )
