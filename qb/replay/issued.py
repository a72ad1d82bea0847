"""The adjustments that are in the input already: how many there are of each place, and what they add up to."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from qb.replay.adjustment import Adjustment, Place
from qb.replay.months import Concerned


@dataclass(slots=True)
class _Entry:
    numbers: set[int] = field(default_factory=set)
    micros: int = 0

    def take(self, adjustment: Adjustment, counts: bool) -> bool:
        """Take an adjustment in, and say whether it counts: one that repeats another never does."""
        counts = counts and adjustment.number not in self.numbers
        self.numbers.add(adjustment.number)
        self.micros += adjustment.micros if counts else 0
        return counts


class Issued:
    """Adjustments of the months and causes that a replay concerns, in any order; of one name the first counts.

    Args:
        concerned: what is replayed.
    """

    def __init__(self, concerned: Concerned) -> None:
        self._concerned = concerned
        self._entries: dict[Place, _Entry] = {}
        self._pending: dict[tuple[str, str], int] = {}

    def note(self, adjustment: Adjustment, is_live: bool, counts: bool = True) -> None:
        """Take an adjustment in.

        Args:
            adjustment: what was found.
            is_live: whether the live subtotals count up to behind it.
            counts: whether it counts by its id.
        """
        place = adjustment.place
        # Of the replayed month all are wanted that are not in the live sums, whatever edge they were caused by.
        if (place.month, place.cause) not in self._concerned.causes:
            return
        is_one = self._entries.setdefault(place, _Entry()).take(adjustment, counts)
        if is_one and not is_live and place.month == self._concerned.month:
            key = place.customer, place.type
            self._pending[key] = self._pending.get(key, 0) + adjustment.micros

    def micros(self, place: Place) -> int:
        """Return what the adjustments of a place add up to."""
        entry = self._entries.get(place)
        return entry.micros if entry else 0

    def last_number(self, place: Place) -> int:
        """Return the number of the newest one, 0 without any."""
        entry = self._entries.get(place)
        return max(entry.numbers) if entry else 0

    def pending_micros(self, customer: str, type_: str) -> int:
        """Return what those add up to that correct the month and are not in its live sums yet."""
        return self._pending.get((customer, type_), 0)

    def types(self) -> Iterator[tuple[str, str]]:
        """Yield the customers and types that adjustments are of; one may come several times."""
        return ((place.customer, place.type) for place in self._entries)
