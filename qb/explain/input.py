"""Reads the input in blocks up to given offsets."""

import time
from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import KafkaException

from billing.runtime.block_reader import BlockReader
from billing.runtime.native.block import RecordBlock
from billing.settings import Settings
from qb.explain.reading_display import ReadingDisplay
from qb.reading.fetch_plan import FetchPlan


class InputScan:
    """The input topic from its beginning up to offsets.

    Args:
        settings: where the broker is, the topic, and how much may be read at once.
        partitions: how many partitions the topic has.
        ends: partition -> offset to read up to, exclusive; others are not read.
        display: told of what is read, and looks whether to stop.
        starts: partition -> offset to begin at; the others begin with their first record.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        ends: Mapping[int, int],
        display: ReadingDisplay,
        starts: Mapping[int, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._partitions, self._display = settings, partitions, display
        self._plan = FetchPlan(settings, partitions, starts or {}, ends, clock=clock)

    def blocks(self) -> Iterator[RecordBlock]:
        """Yield all records below the ends, and some beyond them. A block ends with its turn.

        Raises:
            UnpackedTooMuchError: a batch can't be unpacked even when it is read by itself.
            OperatorError: nothing more comes, though an end has not been reached.
            StoppedError: somebody asked to stop.
            KafkaException: another error that trying again does not mend.
        """
        while not self._plan.is_read:
            with self._reader() as reader:
                try:
                    yield from self._blocks_of(reader)
                except KafkaException as error:
                    self._plan.refused(error, reader.fault_place)

    def _blocks_of(self, reader: BlockReader) -> Iterator[RecordBlock]:
        while not self._plan.is_read and not self._plan.ends_care():
            with reader.lent() as block:
                if len(block):
                    yield block
            self._plan.advance(reader.next_offsets)
            self._display.note(reader.topic, self._plan.next_offsets)

    def _reader(self) -> BlockReader:
        return BlockReader(
            self._settings,
            self._settings.counted_topic,
            self._partitions,
            natively=self._settings.native_reading,
            start_offsets=self._plan.starts(),
            fetching=self._plan.fetching,
        )
