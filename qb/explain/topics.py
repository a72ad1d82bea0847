"""Reads the topics that tell something, each from its beginning to where it ended a moment ago."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

from billing.runtime.block_reader import BlockReader
from billing.runtime.native.block import RecordBlock
from billing.settings import Settings
from qb.explain.reading_display import ReadingDisplay
from qb.reading.topics import Topics


class TopicScan(AbstractContextManager["TopicScan"]):
    """One topic, read from its beginning on. A topic that does not exist is empty.

    Args:
        settings: where the broker is.
        topics: which topics there are.
        topic: the one that is read.
        display: told of what is read, and looks whether to stop.
    """

    def __init__(self, settings: Settings, topics: Topics, topic: str, display: ReadingDisplay) -> None:
        self._topics, self._topic, self._display = topics, topic, display
        partitions = topics.partitions(topic)
        self._reader = (
            BlockReader(settings, topic, partitions, natively=settings.native_reading) if partitions else None
        )

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()

    def to_now(self) -> Iterator[RecordBlock]:
        """Yield what was written before this call and has not been yielded, once it is committed; perhaps more.

        A block ends with its turn.

        Raises:
            OperatorError: nothing more comes, though the end has not been reached.
            KafkaException: the broker refuses.
        """
        if self._reader is None:
            return
        yield from blocks_until(self._reader, self._topics.ends(self._topic), self._display)


def blocks_until(reader: BlockReader, ends: Mapping[int, int], display: ReadingDisplay) -> Iterator[RecordBlock]:
    """Yield blocks until all committed records below the ends have been read; some beyond them may come too.

    Raises:
        OperatorError: nothing more comes, though an end has not been reached.
        KafkaException: the broker refuses.
    """
    while any(reader.next_offsets.get(partition, 0) < end for partition, end in ends.items()):
        with reader.lent() as block:
            if len(block):
                yield block
        display.note(reader.topic, reader.next_offsets)
