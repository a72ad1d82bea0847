"""Reads the input in blocks up to given offsets: much at once, and one batch at a time where records unpack to much."""

import time
from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

from billing.runtime.block_reader import BlockReader
from billing.runtime.fetching import CAREFUL_SECONDS, careful, is_refused, swift, unpacked_too_much
from billing.runtime.native.block import RecordBlock
from billing.settings import Settings
from qb.explain.reading_display import ReadingDisplay


class InputScan:
    """The input topic from its beginning up to offsets.

    Args:
        settings: where the broker is, the topic, and how much may be read at once.
        partitions: how many partitions the topic has.
        ends: partition -> offset to read up to, exclusive; others are not read.
        display: told of what is read, and looks whether to stop.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        ends: Mapping[int, int],
        display: ReadingDisplay,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._partitions, self._ends = settings, partitions, ends
        self._display, self._clock = display, clock
        self._next_offsets: dict[int, int] = {}
        self._careful_until: float | None = None

    def blocks(self) -> Iterator[RecordBlock]:
        """Yield all records below the ends, and some beyond them. A block ends with its turn.

        Raises:
            UnpackedTooMuchError: a batch can't be unpacked even when it is read by itself.
            OperatorError: nothing more comes, though an end has not been reached.
            StoppedError: somebody asked to stop.
            KafkaException: another error that trying again does not mend.
        """
        while not self._is_read:
            fetching = swift(self._settings) if self._careful_until is None else careful(self._settings)
            with self._reader(fetching) as reader:
                try:
                    yield from self._blocks_of(reader)
                except KafkaException as error:
                    self._go_on_carefully(reader, error)

    @property
    def _is_read(self) -> bool:
        return all(self._next_offsets.get(partition, 0) >= end for partition, end in self._ends.items())

    def _blocks_of(self, reader: BlockReader) -> Iterator[RecordBlock]:
        while not self._is_read:
            if self._careful_until is not None and self._clock() > self._careful_until:
                self._careful_until = None
                return
            with reader.lent() as block:
                if len(block):
                    yield block
            for partition, offset in reader.next_offsets.items():
                self._next_offsets[partition] = max(offset, self._next_offsets.get(partition, 0))
            self._display.note(reader.topic, self._next_offsets)

    def _go_on_carefully(self, reader: BlockReader, error: KafkaException) -> None:
        if not is_refused(error.args[0]):
            raise error
        partition, offset = reader.fault_place or (0, 0)
        # All before the batch has been read.
        self._next_offsets[partition] = max(offset, self._next_offsets.get(partition, 0))
        if self._careful_until is not None and offset < self._ends.get(partition, 0):
            raise unpacked_too_much(self._settings, reader.topic, reader.fault_place) from error
        self._careful_until = self._clock() + CAREFUL_SECONDS

    def _reader(self, fetching: Mapping[str, object]) -> BlockReader:
        starts = {partition: self._start(partition) for partition in range(self._partitions)}
        return BlockReader(
            self._settings,
            self._settings.input_topic,
            self._partitions,
            natively=self._settings.native_reading,
            start_offsets=starts,
            fetching=fetching,
        )

    def _start(self, partition: int) -> int:
        offset, end = self._next_offsets.get(partition, 0), self._ends.get(partition, 0)
        if offset >= end:
            return int(OFFSET_END)
        return offset or int(OFFSET_BEGINNING)
