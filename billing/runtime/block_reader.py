"""Reads a topic whole and then live, as :mod:`billing.runtime.topic_reader` does, without an object for each record."""

from collections.abc import Mapping
from contextlib import suppress

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from billing.runtime.kafka import is_passing, reader_config
from billing.runtime.native.block import RecordBlock
from billing.runtime.native.queue import PartitionError
from billing.runtime.native.source import record_source
from billing.settings import Settings

_METADATA_SECONDS = 5.0


class BlockReader:
    """Reads all partitions of one topic from their first record on, committed records only.

    Use it as a context manager, or close it. It is not thread-safe. While it waits and while kernels read what it
    gives, other threads run.

    Args:
        settings: where the broker is.
        topic: the topic's name; it must exist.
        partitions: how many partitions it has.
        most_records: how many are returned at once.
        natively: whether to try to read records where the client has them.
        start_offsets: partition -> offset to begin at; the others begin with their first record.
        fetching: librdkafka options in place of the usual ones, as :mod:`billing.runtime.fetching` has them.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        partitions: int,
        most_records: int = 10_000,
        natively: bool = True,
        start_offsets: Mapping[int, int] | None = None,
        fetching: Mapping[str, object] | None = None,
    ) -> None:
        self.topic = topic
        config = {**reader_config(settings), **(fetching or {})}
        self._consumer = Consumer(config)
        self._source = record_source(
            self._consumer, self._consumer, str(config["client.id"]), topic, most_records, natively
        )
        self._fault: KafkaError | None = None
        self.fault_place: tuple[int, int] | None = None
        """Partition and offset at which reading ended with an error."""
        # Who knows the leaders asks them at once; who does not tries again after half a second.
        with suppress(KafkaException):
            self._consumer.list_topics(topic, timeout=_METADATA_SECONDS)
        self._behind = set(range(partitions))
        self._next_offsets = dict.fromkeys(range(partitions), 0)
        starts = start_offsets or {}
        self._source.forward(range(partitions))
        self._consumer.assign([TopicPartition(topic, p, starts.get(p, OFFSET_BEGINNING)) for p in range(partitions)])

    def __enter__(self) -> "BlockReader":
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

    def poll(self, timeout_seconds: float = 0.1) -> RecordBlock:
        """Return the records that are waiting; none if there are none in time. Release them when they are done with.

        Raises:
            KafkaException: an error that trying again does not mend; records that came before it were returned.
        """
        if self._fault is not None:
            raise KafkaException(self._fault)
        block, errors = self._source.take(timeout_seconds)
        for partition, offset in _ends(block):
            self._next_offsets[partition] = offset
        for error in errors:
            self._note(error)
        if self._fault is not None and not len(block):
            raise KafkaException(self._fault)
        return block

    def close(self) -> None:
        """Leave the broker. Closing twice is allowed."""
        self._source.close()
        self._consumer.close()

    def _note(self, found: PartitionError) -> None:
        if found.error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard(found.partition)
            self._next_offsets[found.partition] = max(found.offset, self._next_offsets[found.partition])
        elif not is_passing(found.error) and self._fault is None:
            self._fault, self.fault_place = found.error, (found.partition, found.offset)


def _ends(block: RecordBlock) -> list[tuple[int, int]]:
    """Return the partitions of a block, and the offset behind the newest record of each."""
    partitions = np.unique(block.partitions)
    return [(int(one), int(block.offsets[block.partitions == one].max()) + 1) for one in partitions]
