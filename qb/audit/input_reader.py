"""Reads the input for the audit: much at once, and one batch at a time while there are records that unpack to much."""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import OFFSET_END, KafkaException

from billing.runtime.fetching import CAREFUL_SECONDS, careful, is_refused, swift, unpacked_too_much
from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings


class InputReader:
    """Reads the input topic from offsets on up to others, as a TopicReader does. Use it as a context manager.

    Records beyond the ends may come too, but a batch there that can't be unpacked is nothing to it.

    Args:
        settings: where the broker is, the topic, and how much may be read at once.
        partitions: how many partitions the topic has.
        starts: partition -> offset to begin at.
        ends: partition -> offset to read up to, exclusive.
        largest_batch_bytes: what the topic takes in one batch as it is sent.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        largest_batch_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.topic = settings.input_topic
        self._settings, self._partitions = settings, partitions
        self._swift = swift(settings, largest_batch_bytes)
        self._clock = clock
        self._next_offsets, self._ends = dict(starts), ends
        self._careful_until: float | None = None
        self._reader = self._reader_with(self._swift)

    def __enter__(self) -> "InputReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    @property
    def next_offsets(self) -> dict[int, int]:
        """The offset up to which, exclusive, all committed records have been read, by partition."""
        return dict(self._next_offsets)

    def poll(self) -> list[Record]:
        """Return the records that are waiting; none if there are none in time.

        Raises:
            UnpackedTooMuchError: a batch can't be unpacked even when it is read by itself.
            KafkaException: another error that trying again does not mend.
        """
        if self._careful_until is not None and self._clock() > self._careful_until:
            self._go_on(self._swift, None)
        try:
            records = self._reader.poll()
        except KafkaException as error:
            if not is_refused(error.args[0]):
                raise
            self._advance()
            self._read_on_carefully(error)
            return []
        self._advance()
        return records

    def _advance(self) -> None:
        for partition, offset in self._reader.next_offsets.items():
            self._next_offsets[partition] = max(offset, self._next_offsets.get(partition, 0))

    def _read_on_carefully(self, error: KafkaException) -> None:
        partition, offset = self._reader.fault_place or (0, 0)
        # All before the batch has been read.
        self._next_offsets[partition] = max(offset, self._next_offsets.get(partition, 0))
        if self._careful_until is not None and offset < self._ends.get(partition, 0):
            raise unpacked_too_much(self._settings, self.topic, self._reader.fault_place) from error
        self._go_on(careful(self._settings), self._clock() + CAREFUL_SECONDS)

    def _go_on(self, fetching: Mapping[str, object], careful_until: float | None) -> None:
        self._reader.close()
        self._careful_until = careful_until
        self._reader = self._reader_with(fetching)

    def _reader_with(self, fetching: Mapping[str, object]) -> TopicReader:
        starts = {
            partition: OFFSET_END if offset >= self._ends.get(partition, 0) else offset
            for partition, offset in self._next_offsets.items()
        }
        return TopicReader(self._settings, self.topic, self._partitions, starts, fetching)
