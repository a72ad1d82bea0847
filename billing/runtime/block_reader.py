"""Reads a topic whole and then live, as :mod:`billing.runtime.topic_reader` does, without an object for each record."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from billing.runtime.native.block import RecordBlock
from billing.runtime.native.source import record_source
from billing.runtime.reader_state import ReaderState
from billing.settings import Settings


class BlockReader(ReaderState):
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
        super().__init__(settings, topic, partitions, fetching)
        client_id = str(self._config["client.id"])
        self._source = record_source(self._consumer, self._consumer, client_id, topic, most_records, natively)
        self._source.forward(range(partitions))
        self._assign(start_offsets)

    @contextmanager
    def lent(self, timeout_seconds: float = 0.1) -> Iterator[RecordBlock]:
        """Lend the records that are waiting; none if there are none in time. They are released at the end.

        Raises:
            KafkaException: as :meth:`poll` does.
        """
        block = self.poll(timeout_seconds)
        try:
            yield block
        finally:
            block.release()

    def poll(self, timeout_seconds: float = 0.1) -> RecordBlock:
        """Return the records that are waiting; none if there are none in time. Release them when they are done with.

        Raises:
            KafkaException: an error that trying again does not mend; records that came before it were returned.
        """
        self._raise_fault()
        block, errors = self._source.take(timeout_seconds)
        for partition, offset in _ends(block):
            self._next_offsets[partition] = offset
        for found in errors:
            self._note(found.partition, found.offset, found.error)
        if not len(block):
            self._raise_fault()
        return block

    def close(self) -> None:
        """Leave the broker. Closing twice is allowed."""
        self._source.close()
        super().close()


def _ends(block: RecordBlock) -> list[tuple[int, int]]:
    """Return the partitions of a block, and the offset behind the newest record of each."""
    partitions = np.unique(block.partitions)
    return [(int(one), int(block.offsets[block.partitions == one].max()) + 1) for one in partitions]
