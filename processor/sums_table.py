"""The sums of one input partition in memory: per customer and month, and per hour, each by type.

Arrays that a kernel adds to hold them, with 64 bits for a sum. The few that outgrow that are Python's integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from billing.sums import Sums
from processor.fold import FoldRules
from processor.kernel.calendar import calendar_arrays
from processor.kernel.rows import MICROS, NAME_LENGTH, SLOT
from processor.kernel.table import (
    DIRTY_ROWS,
    KEY_MONTH,
    LATE,
    ROWS,
    WATERMARK_MS,
    WIDE,
    WIDE_CUSTOMER,
    TableArrays,
    add_events,
    clear_dirty,
    hour_row,
    mark_dirty,
    new_ahead,
    new_table,
    with_room,
)

_FIRST_CUSTOMERS, _FIRST_HOURS, _FIRST_NAME_BYTES = 1_024, 256, 32_768
_LEAST, _MOST = -(2**63), 2**63 - 1


class SumsRows:
    """Rows of sums: those that fit into 64 bits in arrays, the others as Python's integers.

    Args:
        rows: for how many there is room at first, a power of two.
        types: how many types there are.
    """

    def __init__(self, rows: int, types: int) -> None:
        self.arrays: TableArrays = new_table(rows, _FIRST_NAME_BYTES, types)
        self.wide: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return int(self.arrays.counters[ROWS])

    @property
    def dirty(self) -> NDArray[np.int32]:
        """The rows that changed since :meth:`written`."""
        return self.arrays.dirty[: int(self.arrays.counters[DIRTY_ROWS])]

    def make_room(self, rows: int, name_bytes: int) -> None:
        """Have room for so many rows and bytes of names more."""
        self.arrays = with_room(self.arrays, rows, name_bytes)

    def make_room_for_types(self, types: int) -> None:
        """Have room for so many types."""
        missing = 2 * types - self.arrays.sums.shape[1]
        if missing > 0:
            self.arrays = self.arrays._replace(sums=np.pad(self.arrays.sums, ((0, 0), (0, missing))))
            for sums in self.wide.values():
                sums += [0] * missing

    def name(self, row: int) -> str:
        """Return the name that a row is known by."""
        _, start, length, _ = self.arrays.keys[row].tolist()
        return self.arrays.names[start : start + length].tobytes().decode()

    def sums(self, row: int) -> Sums:
        """Return the sums of a row."""
        wide = self.wide.get(row)
        return tuple(self.arrays.sums[row].tolist() if wide is None else wide)

    def add(self, row: int, sums: Sums) -> None:
        """Add sums of any size to a row. It does not become one that changed."""
        total = list(self.sums(row))
        for place, number in enumerate(sums):
            total[place] += number
        if row not in self.wide and all(_LEAST <= number <= _MOST for number in total):
            self.arrays.sums[row] = total
        else:
            self.wide[row] = total
            self.arrays.flags[row] |= WIDE

    def written(self) -> None:
        """Note that nothing has changed since now."""
        clear_dirty(self.arrays)


@dataclass(frozen=True, slots=True)
class Added:
    """What rows of events added: the sums of all of them, how many were late, and the watermark after them."""

    accepted: Sums
    late: int
    watermark_ms: int


class SumsTable:
    """The sums of one input partition.

    Args:
        rules: types, months and hours.
    """

    def __init__(self, rules: FoldRules) -> None:
        self._rules = rules
        self._calendar = calendar_arrays(rules.calendar)
        types = len(rules.events.types)
        self._ahead = new_ahead()
        self.customers = SumsRows(_FIRST_CUSTOMERS, types)
        self.hours = SumsRows(_FIRST_HOURS, types)

    def __len__(self) -> int:
        return len(self.customers) + len(self.hours)

    def add(self, rows: NDArray[np.int64], watermark_ms: int) -> Added:
        """Add events.

        Args:
            rows: what :class:`processor.reading.EventReader` read.
            watermark_ms: the highest event time of the partition before them; -1 without any.
        """
        return self._add(rows, watermark_ms, 1)

    def take_back(self, rows: NDArray[np.int64]) -> Sums:
        """Take events out; return by how much that changes the sums over all: no count is above 0.

        Args:
            rows: the events, of types that there is room for.
        """
        return self._add(rows, -1, -1).accepted

    def _add(self, rows: NDArray[np.int64], watermark_ms: int, sign: int) -> Added:
        count = len(rows)
        self.customers.make_room(count, int(rows[:, NAME_LENGTH].sum(where=rows[:, SLOT] >= 0)))
        self.hours.make_room(count, 0)
        counters = np.array([watermark_ms, 0], np.int64)
        accepted = np.zeros((self.customers.arrays.sums.shape[1] // 2, 3), np.int64)
        wide = np.empty((2 * count, 3), np.int64)
        customers, hours = self.customers.arrays, self.hours.arrays
        late_after_ms = self._rules.out_of_orderness_ms
        left = add_events(
            rows, sign, self._calendar, customers, hours, late_after_ms, counters, accepted, wide, self._ahead
        )
        for index, kind, row in wide[:left].tolist():
            self._add_wide(self.customers if kind == WIDE_CUSTOMER else self.hours, row, rows[index], sign)
        sums = [number for high, low, events in accepted.tolist() for number in ((high << 32) + low, events)]
        return Added(tuple(sums) if any(sums[1::2]) else (), int(counters[LATE]), int(counters[WATERMARK_MS]))

    def _add_wide(self, sums: SumsRows, row: int, event: NDArray[np.int64], sign: int) -> None:
        slot = int(event[SLOT])
        sums.add(row, (*(0,) * (2 * slot), sign * int(event[MICROS]), sign))
        mark_dirty(sums.arrays, row)

    def hour_row(self, start_ms: int) -> int:
        """Return the row of an hour by its start; a new one has no sums."""
        self.hours.make_room(1, 0)
        return int(hour_row(self.hours.arrays, start_ms))

    def by_customer(self) -> Iterator[tuple[tuple[str, str], Sums]]:
        """Yield (month, customer) and sums."""
        months = self._rules.calendar.months
        for row in range(len(self.customers)):
            month = months[int(self.customers.arrays.keys[row, KEY_MONTH])]
            yield (month, self.customers.name(row)), self.customers.sums(row)

    def by_hour(self) -> Iterator[tuple[int, Sums]]:
        """Yield the start of an hour in milliseconds, and its sums."""
        for row in range(len(self.hours)):
            yield int(self.hours.arrays.keys[row, KEY_MONTH]), self.hours.sums(row)
