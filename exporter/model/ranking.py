"""Customers in an order that is kept as they change: top-N and pages without sorting everybody for each request."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from heapq import merge
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.pages import longer
from billing.sums import Sums
from exporter.kernel.arrays import Bytes, Codes, Integers
from exporter.kernel.order import ALL_TYPES, ELSEWHERE, IN_COLUMNS, measure, note
from exporter.model.columns import MonthColumns
from exporter.model.names import Names
from exporter.model.ordered import MOST_CHANGES_AT_ONCE
from exporter.model.run import Entry, Run

# Returns what customers are ordered by, highest first; None leaves the customer out.
Measure = Callable[[Sums], int | None]

# Sorting anew beats keeping those that have moved apart when more than one in so many has.
_RESORT_SHARE = 8
_MOST_ROUNDS = 1_000
# So many customers are measured under one hold of the lock: some 10 ms.
_PIECE = 1_000_000


class Ranking:
    """The customers of a month by one figure.

    Made on first use by sorting once. From then on it is told who changes, and sorts those apart when it is read, so
    its cost follows the changes and not the number of customers.

    Args:
        names: all names.
        columns: the month's sums; the ranking reads them, whoever changes them tells it.
        measure: what they are ordered by.
        slot: the one type that this looks at; None for all.
        by_count: whether it is a number of events.
    """

    def __init__(
        self, names: Names, columns: MonthColumns, measure: Measure, slot: int | None = None, by_count: bool = False
    ) -> None:
        self._names = names
        self._columns = columns
        self._measure = measure
        self._slot = ALL_TYPES if slot is None else slot
        self._by_count = by_count
        self._base: Run | None = None
        # Who has changed since: what the base says of them does not hold.
        self._moved: Codes = np.zeros(0, np.int32)
        self._is_moved: Bytes = np.zeros(0, np.uint8)
        self._moved_count = 0
        # Of those that have changed, how many are only there because their figures fit no column.
        self._large_count = 0
        self._recent: tuple[Run, list[Entry]] | None = None
        self._sorting = threading.Lock()
        # How often it was begun anew, so that no older sorting takes the place of a newer one.
        self._begun = 0

    @property
    def is_behind(self) -> bool:
        """Whether more has changed than can be entered at once."""
        return self._base is None or (self._recent is None and self._moved_count > MOST_CHANGES_AT_ONCE)

    def note(self, codes: Codes) -> None:
        """Remember that the sums of customers change."""
        if not self._begun:
            return
        if len(self._names) > len(self._is_moved):
            self._is_moved = longer(self._is_moved, len(self._is_moved), len(self._names) - len(self._is_moved))
        if self._moved_count + len(codes) > len(self._moved):
            self._moved = longer(self._moved, self._moved_count, self._moved_count + len(codes))
        self._moved_count = note(codes, self._is_moved, self._moved, self._moved_count)
        self._recent = None

    def bring_up(self, lock: AbstractContextManager[Any]) -> None:
        """Enter what has changed, holding `lock` for some of it at a time, and not at all for sorting everybody."""
        with self._sorting:
            for _ in range(_MOST_ROUNDS):
                with lock:
                    if not self.is_behind:
                        return
                    sorts_anew = self._sorts_anew()
                    if not sorts_anew:
                        self._sort_recent()
                if sorts_anew:
                    self._sort_anew(lock)

    def entries(self, after: tuple[int, str] | None = None) -> Iterator[Entry]:
        """Yield (minus the value, customer), highest first; `after` goes on behind (value, customer), there or not."""
        base_run, recent, large = self._caught_up()
        place = None if after is None else (-after[0], after[1])
        base = base_run.entries(place, self._has_stayed)
        if not self._moved_count:
            return base
        following = (entry for entry in large if place is None or entry > place)
        return merge(base, recent.entries(place, _everybody), following)

    def first(self, most: int) -> tuple[list[int], list[str]]:
        """Return (minus the values, the customers) of so many, highest first."""
        base, _, _ = self._caught_up()
        if not self._moved_count:
            return base.first(most)
        entries = [*islice(self.entries(), most)]
        return [key for key, _ in entries], [name for _, name in entries]

    def _caught_up(self) -> tuple[Run, Run, list[Entry]]:
        if self._sorts_anew():
            self._sort_anew(nullcontext())
        if self._recent is None:
            self._sort_recent()
        assert self._base is not None
        assert self._recent is not None
        return self._base, *self._recent

    def _has_stayed(self, codes: Codes) -> NDArray[np.bool_]:
        stayed: NDArray[np.bool_] = self._is_moved[codes] == 0
        return stayed

    def _sorts_anew(self) -> bool:
        changed = self._moved_count - self._large_count
        return self._base is None or changed > len(self._columns) // _RESORT_SHARE

    def _sort_anew(self, lock: AbstractContextManager[Any]) -> None:
        with lock:
            begun = self._begin_anew()
            count = self._columns.customers
        codes, keys, large = _joined([self._measured(first, count, lock) for first in range(0, count, _PIECE)])
        run = Run(self._names, codes, keys)
        with lock:
            if self._begun == begun:
                self._base = run
                before = self._moved_count
                self.note(large)
                self._large_count = self._moved_count - before

    def _begin_anew(self) -> int:
        self._base, self._recent = None, None
        self._moved, self._is_moved = np.zeros(0, np.int32), np.zeros(len(self._names), np.uint8)
        self._moved_count = self._large_count = 0
        self._begun += 1
        return self._begun

    def _measured(self, first: int, end: int, lock: AbstractContextManager[Any]) -> tuple[Codes, Integers, Codes]:
        with lock:
            return self._figures(np.arange(first, min(first + _PIECE, end), dtype=np.int32))

    def _figures(self, codes: Codes) -> tuple[Codes, Integers, Codes]:
        """Return who has a figure in columns, minus the figures, and who has a larger one."""
        figures, kinds = np.empty(len(codes), np.int64), np.empty(len(codes), np.uint8)
        measure(codes, self._columns.arrays, self._slot, self._by_count, figures, kinds)
        fitting = kinds == IN_COLUMNS
        return codes[fitting], figures[fitting], codes[kinds == ELSEWHERE]

    def _sort_recent(self) -> None:
        codes, keys, large = self._figures(self._moved[: self._moved_count])
        self._recent = Run(self._names, codes, keys), sorted(self._large(large))

    def _large(self, codes: Codes) -> Iterator[Entry]:
        for code, name in zip(codes.tolist(), self._names.texts(codes), strict=True):
            value = self._measure(self._columns.sums(code) or ())
            if value is not None:
                yield -value, name


def _joined(parts: list[tuple[Codes, Integers, Codes]]) -> tuple[Codes, Integers, Codes]:
    nothing = np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int32)
    codes, keys, large = zip(nothing, *parts, strict=True)
    return np.concatenate(codes), np.concatenate(keys), np.concatenate(large)


def _everybody(codes: Codes) -> NDArray[np.bool_]:
    return np.ones(len(codes), np.bool_)
