"""The sums of one month in columns: a row for each customer and input partition.

Sums are exact: those that fit no column, which takes 64 bits for micros and 32 for events, are kept beside them.
"""

from collections.abc import Iterator

import numpy as np

from billing.sums import NO_SUMS, Sums, minus, of_slot, plus
from exporter.kernel.arrays import NONE, Codes, Integers, MonthArrays, ParsedArrays
from exporter.kernel.sums import put
from exporter.model.month_arrays import copied, no_rows, with_room
from exporter.model.packing import Differences, fits, pack, sums_at, unpack

# Customers whose sums are made into Python's integers at once: some milliseconds.
_PIECE = 1_024


class MonthColumns:
    """Sums by customers' codes. It is not thread-safe.

    It may be lent: then it copies itself before the next change.

    Args:
        arrays: the columns.
        exact: row -> sums that fit no column.
        is_lent: whether somebody else has these as well.
    """

    def __init__(self, arrays: MonthArrays, exact: dict[int, Sums] | None = None, is_lent: bool = False) -> None:
        self._arrays = arrays
        self._exact: dict[int, Sums] = {} if exact is None else exact
        self._is_lent = is_lent

    @classmethod
    def empty(cls, width: int) -> "MonthColumns":
        """Return the columns of a month without customers, for so many types."""
        return cls(no_rows(width))

    def __len__(self) -> int:
        return int(self._arrays.sizes[1])

    @property
    def arrays(self) -> MonthArrays:
        """The columns as kernels take them. Read them, do not change them."""
        return self._arrays

    @property
    def customers(self) -> int:
        """What the codes of all customers are below."""
        return int(self._arrays.sizes[2])

    def still(self) -> "MonthColumns":
        """Return the sums of now; they do not change any more. It costs nothing until one of the two changes."""
        self._is_lent = True
        return MonthColumns(self._arrays, self._exact, is_lent=True)

    def active(self, slot: int) -> int:
        """Return how many customers have events of a type."""
        return int(self._arrays.active[slot]) if slot < len(self._arrays.active) else 0

    def has(self, code: int) -> bool:
        """Say whether a customer has anything."""
        return 0 <= code < len(self._arrays.present) and bool(self._arrays.present[code])

    def sums(self, code: int) -> Sums | None:
        """Return what a customer has over all input partitions; None if nothing."""
        return self._added_up(self._head(code)) if self.has(code) else None

    def partial(self, code: int, partition: int) -> Sums | None:
        """Return what an input partition has for a customer; None if nothing is kept of that."""
        row = self._row(code, partition)
        return None if row == NONE else self._of_row(row)

    def codes(self) -> Codes:
        """Return the customers that have anything, in the order in which they came."""
        codes = np.flatnonzero(self._arrays.present[: self.customers]).astype(np.int32)
        ordered: Codes = codes[np.argsort(self._arrays.heads[codes])]
        return ordered

    def pieces(self) -> Iterator[tuple[Codes, list[Sums]]]:
        """Yield them with their sums, some at a time."""
        codes = self.codes()
        for start in range(0, len(codes), _PIECE):
            piece = codes[start : start + _PIECE]
            yield piece, self._sums_of(piece)

    def put_parsed(self, positions: Integers, parsed: ParsedArrays, customers: int) -> dict[int, Sums]:
        """Replace what input partitions have for customers by what was read.

        Args:
            positions: which of what was read is of this month.
            parsed: what was read.
            customers: how many customers there are.

        Returns:
            Input partition -> what the month has got more.
        """
        partitions, groups = np.unique(parsed.inputs[positions], return_inverse=True)
        arrays = self._changing(len(positions), customers, parsed.totals.shape[1])
        differences = Differences(len(partitions), arrays.totals.shape[1])
        more, place = dict.fromkeys(partitions.tolist(), NO_SUMS), 0
        while (place := put(positions, groups, place, parsed, arrays, differences.array)) < len(positions):
            at = int(positions[place])
            partition = int(parsed.inputs[at])
            more[partition] = plus(more[partition], self.put(int(parsed.codes[at]), partition, sums_at(parsed, at)))
            arrays, place = self._changing(len(positions) - place, customers, 0), place + 1
        return {one: plus(more[one], differences.sums(group)) for group, one in enumerate(more)}

    def put(self, code: int, partition: int, sums: Sums | None) -> Sums:
        """Replace what an input partition has for a customer; None takes it away. Return what there is more."""
        before = self.sums(code)
        self._replace(code, partition, sums or NO_SUMS)
        after = self._added_up(self._head(code))
        self._note(code, before, after)
        return minus(after, before or NO_SUMS)

    def _added_up(self, row: int) -> Sums:
        total = NO_SUMS
        while row != NONE:
            total = plus(total, self._of_row(row)) if total else self._of_row(row)
            row = int(self._arrays.nexts[row])
        return total

    def _of_row(self, row: int) -> Sums:
        if self._arrays.owners[row] < 0:
            return self._exact[row]
        return pack(self._arrays.totals[row].tolist(), self._arrays.counts[row].tolist())

    def _sums_of(self, codes: Codes) -> list[Sums]:
        arrays = self._arrays
        rows = arrays.heads[codes] - 1
        table = np.empty((len(codes), 2 * arrays.totals.shape[1]), np.int64)
        table[:, ::2], table[:, 1::2] = arrays.totals[rows], arrays.counts[rows]
        is_alone = (arrays.nexts[rows] == NONE) & (arrays.owners[rows] >= 0)
        sums = [*map(tuple, table.tolist())]
        for place in np.flatnonzero(~is_alone).tolist():
            sums[place] = self._added_up(int(rows[place]))
        return sums

    def _head(self, code: int) -> int:
        return int(self._arrays.heads[code]) - 1 if 0 <= code < len(self._arrays.heads) else NONE

    def _row(self, code: int, partition: int) -> int:
        arrays = self._arrays
        row = self._head(code)
        while row != NONE and arrays.owners[row] not in (partition, ~partition):
            row = int(arrays.nexts[row])
        return row

    def _changing(self, rows: int, customers: int, width: int) -> MonthArrays:
        """Return the columns to change, with room for so many more rows, for so many customers and types."""
        if self._is_lent:
            self._arrays, self._exact, self._is_lent = copied(self._arrays), dict(self._exact), False
        self._arrays = with_room(self._arrays, rows, customers, width)
        return self._arrays

    def _replace(self, code: int, partition: int, sums: Sums) -> None:
        arrays = self._changing(1, code + 1, len(sums) // 2)
        row = self._row(code, partition)
        if row == NONE:
            if not any(sums):
                return
            row = self._append(code, partition)
        self._exact.pop(row, None)
        totals, counts = unpack(sums, arrays.totals.shape[1])
        if fits(totals, counts):
            arrays.owners[row], arrays.totals[row], arrays.counts[row] = partition, totals, counts
        else:
            arrays.owners[row], arrays.totals[row], arrays.counts[row] = ~partition, 0, 0
            self._exact[row] = sums

    def _append(self, code: int, partition: int) -> int:
        arrays = self._arrays
        row, head = int(arrays.sizes[0]), self._head(code)
        arrays.sizes[0] += 1
        if head == NONE:
            arrays.heads[code], arrays.nexts[row] = row + 1, NONE
        else:
            arrays.nexts[row], arrays.nexts[head] = arrays.nexts[head], row
        arrays.owners[row] = partition
        return row

    def _note(self, code: int, before: Sums | None, after: Sums) -> None:
        """Take note of what a customer has now."""
        arrays, is_present = self._arrays, any(after)
        for slot in range(max(len(before or NO_SUMS), len(after)) // 2):
            had, has = of_slot(before or NO_SUMS, slot)[1], of_slot(after, slot)[1]
            arrays.active[slot] += bool(has) - bool(had)
        arrays.sizes[1] += is_present - (before is not None)
        arrays.present[code] = is_present
        if is_present and before is None:
            self._move_to_end(code)

    def _move_to_end(self, code: int) -> None:
        """Let a customer that has come back stand behind those that were there meanwhile."""
        arrays, head = self._changing(1, code + 1, 0), self._head(code)
        row = int(arrays.sizes[0])
        if head == row - 1:
            return
        arrays.sizes[0] += 1
        for column in (arrays.nexts, arrays.owners, arrays.totals, arrays.counts):
            column[row] = column[head]
        if head in self._exact:
            self._exact[row] = self._exact.pop(head)
        arrays.heads[code] = row + 1
