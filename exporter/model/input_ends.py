"""How far the input topic reaches, and how much of it is not counted yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class InputEnds:
    """One look at the broker.

    Args:
        up: whether it answered.
        message: the same in a sentence.
        offsets: end of each input partition; the newest ones known if it did not answer now.
        empty_from: offsets behind which input partitions hold no records, though that is not their end.
    """

    up: bool = False
    message: str = "no broker has answered yet"
    offsets: Mapping[int, int] = field(default_factory=dict)
    empty_from: Mapping[int, int] = field(default_factory=dict)

    def lag(self, next_offsets: Mapping[int, int]) -> dict[int, int]:
        """Return the input records not counted yet, by input partition."""
        return {p: self._behind(p, end, next_offsets.get(p, 0)) for p, end in self.offsets.items()}

    def lag_records(self, next_offsets: Mapping[int, int]) -> int | None:
        """Return the same over all input partitions; None while no broker answers."""
        return sum(self.lag(next_offsets).values()) if self.up else None

    def _behind(self, partition: int, end: int, next_offset: int) -> int:
        return 0 if self.empty_from.get(partition) == next_offset else max(0, end - next_offset)
