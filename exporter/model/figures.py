"""Figures that answers make of sums: a part of them, a share."""

from collections.abc import Iterable

from billing.sums import Sums, of_slot


def only_slot(sums: Sums, slot: int) -> Sums:
    """Return the sums with all other types emptied."""
    return (0, 0) * slot + of_slot(sums, slot)


def only_slots(sums: Sums, slots: Iterable[int]) -> Sums:
    """Return the sums with all types emptied that are not among `slots`."""
    wanted = set(slots)
    return tuple(value if position // 2 in wanted else 0 for position, value in enumerate(sums))


def share_of(part: int, whole: int) -> float | None:
    """Return the part as a fraction of the whole, None if the whole is nothing."""
    return part / whole if whole else None
