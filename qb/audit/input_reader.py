"""Reads the input for the audit, record by record."""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException

from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings
from qb.reading.fetch_plan import FetchPlan


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
        self.topic = settings.counted_topic
        self._settings, self._partitions = settings, partitions
        self._plan = FetchPlan(settings, partitions, starts, ends, largest_batch_bytes, clock)
        self._reader = self._planned_reader()

    def __enter__(self) -> "InputReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    @property
    def next_offsets(self) -> dict[int, int]:
        """The offset up to which, exclusive, all committed records have been read, by partition."""
        return self._plan.next_offsets

    def poll(self) -> list[Record]:
        """Return the records that are waiting; none if there are none in time.

        Raises:
            UnpackedTooMuchError: a batch can't be unpacked even when it is read by itself.
            KafkaException: another error that trying again does not mend.
        """
        if self._plan.ends_care():
            self._go_on()
        try:
            records = self._reader.poll()
        except KafkaException as error:
            self._plan.advance(self._reader.next_offsets)
            self._plan.refused(error, self._reader.fault_place)
            self._go_on()
            return []
        self._plan.advance(self._reader.next_offsets)
        return records

    def _go_on(self) -> None:
        self._reader.close()
        self._reader = self._planned_reader()

    def _planned_reader(self) -> TopicReader:
        return TopicReader(self._settings, self.topic, self._partitions, self._plan.starts(), self._plan.fetching)
