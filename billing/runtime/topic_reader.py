"""Reads a topic whole, from its first record on and then live, and knows when it has seen all there was."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Message

from billing.runtime.reader_state import ReaderState
from billing.settings import Settings

# What waits in the client, and what one answer brings of a partition before it is unpacked: no more than a reader needs
# that takes a hundred thousand records per second.
_AHEAD = {"queued.min.messages": 4_000, "fetch.message.max.bytes": 131_072}


@dataclass(frozen=True, slots=True)
class Record:
    """One committed record: `value` None is a tombstone."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


class TopicReader(ReaderState):
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
        super().__init__(settings, topic, partitions, {**_AHEAD, **(fetching or {})})
        self._assign(start_offsets)

    def poll(self, max_records: int = 10_000, timeout_seconds: float = 0.1) -> list[Record]:
        """Return the records that are waiting, at most `max_records`; none if there are none in time.

        Raises:
            KafkaException: an error that trying again does not mend; records that came before it were returned.
        """
        self._raise_fault()
        records: list[Record] = []
        for message in self._consumer.consume(max_records, timeout_seconds):
            error = message.error()
            if error is None:
                records.append(_record(message))
                self._next_offsets[records[-1].partition] = records[-1].offset + 1
            else:
                self._note(_partition(message), message.offset(), error)
                if self._fault is not None:
                    break
        if not records:
            self._raise_fault()
        return records

    def read_to_end(self, max_records: int = 10_000) -> Iterator[list[Record]]:
        """Yield batches until the end of each partition has been reached."""
        while not self.caught_up:
            yield self.poll(max_records)


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
