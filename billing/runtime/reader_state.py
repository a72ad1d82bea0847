"""What the readers of a whole topic have in common: a consumer of all its partitions, and how far each is read."""

import time
from collections.abc import Mapping
from typing import Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from billing.runtime.client_errors import raise_read_error
from billing.runtime.kafka import is_passing, meet_brokers, reader_config
from billing.settings import Settings

# So long a broker may not know a topic that another has just made.
_BEGIN_SECONDS = 30.0


class ReaderState:
    """A consumer of all partitions of one topic, committed records only, and where it is.

    Use it as a context manager, or close it. It is not thread-safe.

    Args:
        settings: where the broker is.
        topic: the topic's name; it must exist.
        partitions: how many partitions it has.
        fetching: librdkafka options in place of the usual ones, as :mod:`billing.runtime.fetching` has them.
    """

    def __init__(self, settings: Settings, topic: str, partitions: int, fetching: Mapping[str, object] | None) -> None:
        self.topic = topic
        self._config = {**reader_config(settings), **(fetching or {})}
        self._consumer = Consumer(self._config)
        self._fault: KafkaError | None = None
        self.fault_place: tuple[int, int] | None = None
        """Partition and offset at which reading ended with an error."""
        meet_brokers(self._consumer, topic)
        self._behind = set(range(partitions))
        self._next_offsets = dict.fromkeys(range(partitions), 0)
        self._starts: dict[int, int] = {}
        self._begin_until = time.monotonic() + _BEGIN_SECONDS

    def __enter__(self) -> Self:
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

    def close(self) -> None:
        """Leave the broker. Closing twice is allowed."""
        self._consumer.close()

    def _assign(self, start_offsets: Mapping[int, int] | None) -> None:
        """Begin: each partition at the offset that is given, the others with their first record."""
        self._starts = dict(start_offsets or {})
        self._consumer.assign(
            [TopicPartition(self.topic, p, self._starts.get(p, OFFSET_BEGINNING)) for p in self._next_offsets]
        )

    def _note(self, partition: int, offset: int, error: KafkaError) -> None:
        """Take in what came in the place of a record: a partition's end, or an error, of which the first one counts."""
        if error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard(partition)
            self._next_offsets[partition] = max(offset, self._next_offsets[partition])
        elif error.code() == KafkaError._AUTO_OFFSET_RESET and self._may_begin_again(partition):
            self._consumer.seek(TopicPartition(self.topic, partition, OFFSET_BEGINNING))
        elif not is_passing(error) and self._fault is None:
            self._fault, self.fault_place = error, (partition, offset)

    def _may_begin_again(self, partition: int) -> bool:
        """Say whether asking anew for a partition's first offset may help.

        The client asks once, and takes the answer of a broker that does not know a new topic yet to be the last word.
        """
        begins = self._starts.get(partition, OFFSET_BEGINNING) == OFFSET_BEGINNING
        return begins and not self._next_offsets[partition] and time.monotonic() < self._begin_until

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise_read_error(self._fault, self.topic)
