"""Watches the input partitions: what the processor has counted of each, and since when it has brought nothing."""

from collections.abc import Callable, Mapping
from typing import Protocol

from billing.runtime.partition_bounds import Bounds
from billing.subtotal import Progress
from invoicer.due import PartitionState

_EVER = 2**62


class InputTopic(Protocol):
    """Knows the input partitions."""

    def logs(self) -> Mapping[int, Bounds]:
        """Return where each partition begins and ends, records of open transactions included."""
        ...

    def holds_record(self, partition: int, stretch: Bounds) -> bool:
        """Say whether a stretch of a partition holds a record, or may. Transaction markers are none."""
        ...


class InputWatch:
    """Remembers from one observation to the next what is needed to tell the state of each input partition.

    Args:
        topic: what is watched; it is asked for records only where a partition looks unread though long silent.
        idle_after_ms: how long is long, in milliseconds.
        moving: returns the states of what waits to be moved to the topic.
    """

    def __init__(
        self, topic: InputTopic, idle_after_ms: int, moving: Callable[[], list[PartitionState]] = list
    ) -> None:
        self._moving = moving
        self._topic = topic
        self._idle_after_ms = idle_after_ms
        self._ends_before: dict[int, int] = {}
        # Input partition -> (events billed, wall clock of the commit that first had that many, in milliseconds).
        self._billed: dict[int, tuple[int, int]] = {}

    def observe(self, progress: Mapping[int, Progress], wall_ms: int) -> list[PartitionState]:
        """Return the state of each input partition.

        Args:
            progress: what the processor has counted, as far as it has said.
            wall_ms: the wall clock, in milliseconds.

        Raises:
            KafkaUnavailableError: the broker does not answer.
        """
        logs = self._topic.logs()
        states = [self._state(p, progress.get(p), logs[p], wall_ms) for p in sorted(logs)]
        self._ends_before = {partition: log.end for partition, log in logs.items()}
        return states + self._moving()

    def _state(self, partition: int, progress: Progress | None, log: Bounds, wall_ms: int) -> PartitionState:
        if progress is None:
            return PartitionState(partition, -1, read_to_end=log.is_empty, silent_ms=_EVER)
        silent_ms = wall_ms - self._billed_at_ms(partition, progress)
        # Of a busy partition the end is always a little ahead; what it held at the last observation counts.
        read_to_end = progress.next_offset >= min(log.end, self._ends_before.get(partition, log.end))
        if not read_to_end and silent_ms >= self._idle_after_ms:
            read_to_end = not self._topic.holds_record(partition, Bounds(progress.next_offset, log.end))
        return PartitionState(partition, progress.watermark_ms, read_to_end, silent_ms)

    def _billed_at_ms(self, partition: int, progress: Progress) -> int:
        accepted, committed_ms = self._billed.get(partition, (-1, 0))
        if accepted != progress.accepted:
            committed_ms = progress.committed_ms
            self._billed[partition] = (progress.accepted, committed_ms)
        return committed_ms
