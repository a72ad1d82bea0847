"""Customers in an order that is kept as they change: top-N and pages without sorting everybody for each request."""

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter

from sortedcontainers import SortedList

from billing.sums import Sums

# Returns what customers are ordered by, highest first; None leaves the customer out.
Measure = Callable[[Sums], int | None]

# The order: highest value first, names break ties.
Entry = tuple[int, str]

# Sorting anew beats moving one by one when more than one in so many has changed.
_RESORT_SHARE = 8


class Ranking:
    """The customers of a month by one measure.

    Made on first use by sorting once. From then on it is told of each change and catches up when it is read, so its
    cost follows the changes and not the number of customers.

    Args:
        customers: the month's customers; the ranking reads it, whoever owns it changes it.
        measure: what they are ordered by.
    """

    def __init__(self, customers: Mapping[str, Sums], measure: Measure) -> None:
        self._customers = customers
        self._measure = measure
        self._entries: SortedList[Entry] = SortedList()
        self._before: dict[str, Sums | None] = {}
        self._sort()

    def note(self, customer: str, before: Sums | None) -> None:
        """Remember that a customer's sums change; `before` None: there were none."""
        self._before.setdefault(customer, before)

    def entries(self, after: tuple[int, str] | None = None) -> Iterator[Entry]:
        """Yield (minus the value, customer), highest first; `after` goes on behind (value, customer), there or not."""
        self._catch_up()
        if after is None:
            return iter(self._entries)
        value, customer = after
        entries: Iterator[Entry] = self._entries.irange((-value, customer), None, inclusive=(False, True))
        return entries

    def _catch_up(self) -> None:
        if len(self._before) > len(self._customers) // _RESORT_SHARE:
            self._sort()
        else:
            self._move()
        self._before.clear()

    def _sort(self) -> None:
        entries = [entry for customer, sums in self._customers.items() if (entry := self._entry(customer, sums))]
        # Python compares numbers alone much faster than pairs: what is left for the list are ties.
        entries.sort(key=itemgetter(0))
        self._entries = SortedList(entries)

    def _move(self) -> None:
        for customer, before in self._before.items():
            old = self._entry(customer, before)
            new = self._entry(customer, self._customers.get(customer))
            if old == new:
                continue
            if old:
                self._entries.remove(old)
            if new:
                self._entries.add(new)

    def _entry(self, customer: str, sums: Sums | None) -> Entry | None:
        value = None if sums is None else self._measure(sums)
        return None if value is None else (-value, customer)
