"""Sums per event type, packed: one flat tuple of integers instead of a map, for there may be millions of them."""

from collections.abc import Iterable, Mapping
from operator import add, sub

# (total micros of slot 0, count of slot 0, total of slot 1, ...). A missing tail is zeros.
Sums = tuple[int, ...]

NO_SUMS: Sums = ()


class TypeTable:
    """Gives each event type its slot: the configured types first, then others as they turn up in records."""

    def __init__(self, types: Iterable[str]) -> None:
        self.names = list(types)
        self._slots = {name: slot for slot, name in enumerate(self.names)}

    def slot(self, name: str) -> int | None:
        """Return the slot of a type, None if no record and no setting ever named it."""
        return self._slots.get(name)

    def pack(self, sums: Mapping[str, tuple[int, int]]) -> Sums:
        """Return type -> (total micros, count) as a tuple, giving slots to new types."""
        values = [0] * (2 * len(self.names))
        for name, (total_micros, count) in sums.items():
            slot = self._slots.get(name)
            if slot is None:
                slot = self._slots[name] = len(self.names)
                self.names.append(name)
                values += (0, 0)
            values[2 * slot] = total_micros
            values[2 * slot + 1] = count
        return tuple(values)

    def unpack(self, sums: Sums) -> dict[str, tuple[int, int]]:
        """Return type -> (total micros, count), without the types that have neither."""
        pairs = zip(self.names, sums[::2], sums[1::2], strict=False)
        return {name: (total, count) for name, total, count in pairs if total or count}


def plus(left: Sums, right: Sums) -> Sums:
    """Return the two added up."""
    if len(left) != len(right):
        left, right = _same_length(left, right)
    return tuple(map(add, left, right))


def minus(left: Sums, right: Sums) -> Sums:
    """Return what `left` has more than `right`."""
    if len(left) != len(right):
        left, right = _same_length(left, right)
    return tuple(map(sub, left, right))


def total_micros(sums: Sums) -> int:
    """Return the total over all types, in micros."""
    return sum(sums[::2])


def event_count(sums: Sums) -> int:
    """Return the number of events over all types."""
    return sum(sums[1::2])


def of_slot(sums: Sums, slot: int) -> tuple[int, int]:
    """Return (total micros, count) of one type."""
    position = 2 * slot
    return (sums[position], sums[position + 1]) if position < len(sums) else (0, 0)


def _same_length(left: Sums, right: Sums) -> tuple[Sums, Sums]:
    missing = len(left) - len(right)
    return left + (0,) * -missing, right + (0,) * missing
