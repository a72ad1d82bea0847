"""How far the input topic reaches, and how much of it is not counted yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class InputEnds:
    """One look at the broker. With `dedup_scope: topic`, offsets are those of the keyed topic.

    Args:
        up: whether it answered.
        message: the same in a sentence.
        offsets: end of each input partition; the newest ones known if it did not answer now.
        empty_from: offsets behind which input partitions hold no records, though that is not their end.
        unmoved: by input partition, the records that wait to be moved to the keyed topic; None if that is not told,
            empty if records are counted where they are.
        moved: by input partition, the offset up to which it is moved; empty if that is not told, or nothing is moved.
    """

    up: bool = False
    message: str = "no broker has answered yet"
    offsets: Mapping[int, int] = field(default_factory=dict)
    empty_from: Mapping[int, int] = field(default_factory=dict)
    unmoved: Mapping[int, int] | None = field(default_factory=dict)
    moved: Mapping[int, int] = field(default_factory=dict)

    def lag(self, next_offsets: Mapping[int, int]) -> dict[int, int]:
        """Return the input records not counted yet, by input partition; those that wait to be moved are in none."""
        return {p: self._behind(p, end, next_offsets.get(p, 0)) for p, end in self.offsets.items()}

    def lag_records(self, next_offsets: Mapping[int, int]) -> int | None:
        """Return all input records not counted yet, moved or not; None while the broker does not tell."""
        unmoved = self.unmoved_records()
        return None if unmoved is None else unmoved + sum(self.lag(next_offsets).values())

    def unmoved_records(self) -> int | None:
        """Return how many of them wait to be moved; None while the broker does not tell."""
        return sum(self.unmoved.values()) if self.up and self.unmoved is not None else None

    def _behind(self, partition: int, end: int, next_offset: int) -> int:
        return 0 if self.empty_from.get(partition) == next_offset else max(0, end - next_offset)
