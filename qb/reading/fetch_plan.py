"""How the input is fetched up to given offsets: much at once, and one batch at a time where records unpack to much."""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

from billing.runtime.fetching import CAREFUL_SECONDS, careful, is_refused, swift, unpacked_too_much
from billing.settings import Settings
from billing.topic_rules import LARGEST_RECORD_BYTES


class FetchPlan:
    """Says where the next reader of the input begins and how it fetches, told how far the one before it came.

    A batch that is refused is read again by itself; for a while others are, too. One at or beyond the end of its
    partition is nothing to it.

    Args:
        settings: the topic, and how much may be read at once.
        partitions: how many partitions the topic has.
        starts: partition -> offset to begin at; the others begin with their first record.
        ends: partition -> offset to read up to, exclusive; of others nothing is wanted.
        largest_batch_bytes: what the topic takes in one batch as it is sent.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        largest_batch_bytes: int = LARGEST_RECORD_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.topic = settings.counted_topic
        self._settings, self._partitions, self._clock = settings, partitions, clock
        self._next_offsets, self._ends = dict(starts), ends
        self._swift = swift(settings, largest_batch_bytes)
        self._careful_until: float | None = None

    @property
    def next_offsets(self) -> dict[int, int]:
        """The offset up to which, exclusive, all committed records have been read, by partition."""
        return dict(self._next_offsets)

    @property
    def is_read(self) -> bool:
        """Whether all ends are reached."""
        return all(self._next_offsets.get(partition, 0) >= end for partition, end in self._ends.items())

    @property
    def fetching(self) -> Mapping[str, object]:
        """The librdkafka options of the next reader."""
        return self._swift if self._careful_until is None else careful(self._settings)

    def starts(self) -> dict[int, int]:
        """Return where the next reader begins, by partition."""
        return {partition: self._start(partition) for partition in range(self._partitions)}

    def ends_care(self) -> bool:
        """Say whether a reader has been careful for long enough; then the next one fetches much at once."""
        if self._careful_until is None or self._clock() <= self._careful_until:
            return False
        self._careful_until = None
        return True

    def advance(self, offsets: Mapping[int, int]) -> None:
        """Note how far a reader has come."""
        for partition, offset in offsets.items():
            self._next_offsets[partition] = max(offset, self._next_offsets.get(partition, 0))

    def refused(self, error: KafkaException, place: tuple[int, int] | None) -> None:
        """Note that a reader failed: the next one is careful if a batch was refused.

        Args:
            error: what it failed with.
            place: partition and first offset of the batch; None if they are not known.

        Raises:
            UnpackedTooMuchError: a batch can't be unpacked even when it is read by itself.
            KafkaException: the error, if it is another one, that trying again does not mend.
        """
        if not is_refused(error.args[0]):
            raise error
        partition, offset = place or (0, 0)
        # All before the batch has been read.
        self.advance({partition: offset})
        if self._careful_until is not None and offset < self._ends.get(partition, 0):
            raise unpacked_too_much(self._settings, self.topic, place) from error
        self._careful_until = self._clock() + CAREFUL_SECONDS

    def _start(self, partition: int) -> int:
        offset = self._next_offsets.get(partition, 0)
        if offset >= self._ends.get(partition, 0):
            return int(OFFSET_END)
        return offset or int(OFFSET_BEGINNING)
