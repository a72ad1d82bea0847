"""Watches the input partitions: what the processor has counted of each, and since when it has brought nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from billing.subtotal import Progress
from invoicer.due import PartitionState

_EVER = 2**62


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where an input partition begins and ends: the offset of its first record and the one after its last."""

    start: int
    end: int


# Says whether a partition holds a committed record from an offset on. Transaction markers are none.
HoldsRecord = Callable[[int, int], bool]


class InputWatch:
    """Remembers from look to look what is needed to tell the state of each input partition.

    Args:
        holds_record: asked only of partitions that look unread though they have long been silent.
        idle_after_ms: how long is long, in milliseconds.
    """

    def __init__(self, holds_record: HoldsRecord, idle_after_ms: int) -> None:
        self._holds_record = holds_record
        self._idle_after_ms = idle_after_ms
        self._ends_before: dict[int, int] = {}
        # Input partition -> (events billed, wall clock of the commit that first had that many, in milliseconds).
        self._billed: dict[int, tuple[int, int]] = {}

    def observe(
        self, progress: Mapping[int, Progress], bounds: Mapping[int, Bounds], wall_ms: int
    ) -> list[PartitionState]:
        """Return the state of each partition.

        Args:
            progress: what the processor has counted, as far as it has said.
            bounds: all input partitions.
            wall_ms: the wall clock, in milliseconds.
        """
        states = [self._state(p, progress.get(p), bounds[p], wall_ms) for p in sorted(bounds)]
        self._ends_before = {partition: at.end for partition, at in bounds.items()}
        return states

    def _state(self, partition: int, progress: Progress | None, bounds: Bounds, wall_ms: int) -> PartitionState:
        if progress is None:
            return PartitionState(partition, -1, read_to_end=bounds.start == bounds.end, silent_ms=_EVER)
        silent_ms = wall_ms - self._billed_at_ms(partition, progress)
        # Of a busy partition the end is always a little ahead; what it held at the last look counts.
        read_to_end = progress.next_offset >= min(bounds.end, self._ends_before.get(partition, bounds.end))
        if not read_to_end and silent_ms >= self._idle_after_ms:
            read_to_end = not self._holds_record(partition, progress.next_offset)
        return PartitionState(partition, progress.watermark_ms, read_to_end, silent_ms)

    def _billed_at_ms(self, partition: int, progress: Progress) -> int:
        accepted, committed_ms = self._billed.get(partition, (-1, 0))
        if accepted != progress.accepted:
            committed_ms = progress.committed_ms
            self._billed[partition] = (progress.accepted, committed_ms)
        return committed_ms
