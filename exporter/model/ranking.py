"""Customers in an order that is kept as they change: top-N and pages without sorting everybody for each request."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from operator import itemgetter
from typing import Any

from sortedcontainers import SortedList

from billing.sums import Sums
from exporter.model.lent_dict import LentDict
from exporter.model.ordered import MOST_CHANGES_AT_ONCE
from exporter.model.sorting import sorted_list

# Returns what customers are ordered by, highest first; None leaves the customer out.
Measure = Callable[[Sums], int | None]

# The order: highest value first, names break ties.
Entry = tuple[int, str]

# Sorting anew beats moving one by one when more than one in so many has changed.
_RESORT_SHARE = 8
_MOST_ROUNDS = 1_000


class Ranking:
    """The customers of a month by one measure.

    Made on first use by sorting once. From then on it is told of each change and catches up when it is read, so its
    cost follows the changes and not the number of customers.

    Args:
        customers: the month's customers; the ranking reads them, whoever changes them tells it.
        measure: what they are ordered by.
    """

    def __init__(self, customers: LentDict[str, Sums], measure: Measure) -> None:
        self._customers = customers
        self._measure = measure
        self._entries: SortedList[Entry] | None = None
        self._before: dict[str, Sums | None] = {}
        self._sorting = threading.Lock()
        # How often it was begun anew, so that no older sorting takes the place of a newer one.
        self._begun = 0

    @property
    def is_behind(self) -> bool:
        """Whether more has changed than can be entered at once."""
        return self._entries is None or len(self._before) > MOST_CHANGES_AT_ONCE

    def note(self, customer: str, before: Sums | None) -> None:
        """Remember that a customer's sums change; `before` None: there were none."""
        self._before.setdefault(customer, before)

    def bring_up(self, lock: AbstractContextManager[Any]) -> None:
        """Enter what has changed, holding `lock` for some of it at a time, and not at all for sorting."""
        with self._sorting:
            with lock:
                customers = self._begin_anew() if self._sorts_anew() else None
                begun = self._begun
            if customers is not None:
                entries = self._sorted(customers)
                with lock:
                    if self._begun == begun:
                        self._entries = entries
            # More may change meanwhile, but hardly faster than it is entered.
            for _ in range(_MOST_ROUNDS):
                with lock:
                    if not self.is_behind:
                        return
                    self._move(MOST_CHANGES_AT_ONCE)

    def entries(self, after: tuple[int, str] | None = None) -> Iterator[Entry]:
        """Yield (minus the value, customer), highest first; `after` goes on behind (value, customer), there or not."""
        entries = self._caught_up()
        if after is None:
            return iter(entries)
        value, customer = after
        following: Iterator[Entry] = entries.irange((-value, customer), None, inclusive=(False, True))
        return following

    def _caught_up(self) -> "SortedList[Entry]":
        if self._sorts_anew():
            self._entries = self._sorted(self._begin_anew())
        self._move(len(self._before))
        assert self._entries is not None
        return self._entries

    def _sorts_anew(self) -> bool:
        return self._entries is None or len(self._before) > len(self._customers.now) // _RESORT_SHARE

    def _begin_anew(self) -> Mapping[str, Sums]:
        self._entries = None
        self._before.clear()
        self._begun += 1
        return self._customers.lend()

    def _sorted(self, customers: Mapping[str, Sums]) -> "SortedList[Entry]":
        entries = [entry for customer, sums in customers.items() if (entry := self._entry(customer, sums))]
        # Python compares numbers alone much faster than pairs: what is left for the list are ties.
        return sorted_list(entries, key=itemgetter(0))

    def _move(self, most: int) -> None:
        assert self._entries is not None
        for customer in list(islice(self._before, most)):
            old = self._entry(customer, self._before.pop(customer))
            new = self._entry(customer, self._customers.now.get(customer))
            if old == new:
                continue
            if old:
                self._entries.remove(old)
            if new:
                self._entries.add(new)

    def _entry(self, customer: str, sums: Sums | None) -> Entry | None:
        value = None if sums is None else self._measure(sums)
        return None if value is None else (-value, customer)
