"""Sums of customers that one input partition has sent and that are not shown yet."""

from collections.abc import Iterator

import numpy as np

from billing.runtime.native.pages import longer
from billing.sums import NO_SUMS, Sums, minus, plus
from exporter.kernel.arrays import NONE, Integers, MonthArrays, ParsedArrays, StageArrays
from exporter.kernel.staged import enter_staged, find_staged
from exporter.kernel.sums import stage
from exporter.model.columns import MonthColumns
from exporter.model.month_arrays import no_rows
from exporter.model.packing import Differences, fits, pack, sums_at, unpack

_FIRST_ROWS = 64


class StagedSums:
    """The newest sums of each customer and month, in the order in which these came. It is not thread-safe.

    Args:
        partition: the input partition.
    """

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._arrays = _no_rows(0)
        # Row -> sums that fit no columns; None is a tombstone.
        self._exact: dict[int, Sums | None] = {}

    def __len__(self) -> int:
        return int(self._arrays.sizes[0])

    def put_parsed(self, positions: Integers, parsed: ParsedArrays, number: int, shown: MonthColumns | None) -> Sums:
        """Keep sums that were read. Return what they have more than those that they take the place of.

        Args:
            positions: which of what was read is of this partition and one month.
            parsed: what was read.
            number: of the month.
            shown: the sums that are shown of it.
        """
        of_month = no_rows(0) if shown is None else shown.arrays
        self._make_room(len(positions), max(parsed.totals.shape[1], of_month.totals.shape[1]))
        differences, more, place = Differences(1, self._arrays.totals.shape[1]), NO_SUMS, 0
        while (place := self._stage(positions, place, parsed, number, of_month, differences)) < len(positions):
            at = int(positions[place])
            sums = sums_at(parsed, at)
            more, place = plus(more, self.put(int(parsed.codes[at]), number, sums, shown)), place + 1
        return plus(more, differences.sums(0))

    def put(self, code: int, number: int, sums: Sums | None, shown: MonthColumns | None) -> Sums:
        """Keep sums of a customer; None takes them away. Return what they have more than what was there."""
        before = self._newest(code, number, shown)
        self._make_room(1, len(sums or NO_SUMS) // 2)
        self._replace(find_staged(self._arrays, number, code, True), sums)
        return minus(sums or NO_SUMS, before or NO_SUMS)

    def take(self) -> "Iterator[tuple[int, ParsedArrays, Integers] | tuple[int, int, Sums | None]]":
        """Yield what was kept, and keep it no longer: (number of month, sums, positions), or (number, code, sums)."""
        arrays, exact = self._arrays, self._exact
        self._arrays, self._exact = _no_rows(0), {}
        count = int(arrays.sizes[0])
        inputs = np.full(len(arrays.codes), self._partition, np.int32)
        parsed = ParsedArrays(arrays.is_exact, inputs, arrays.months, arrays.codes, arrays.totals, arrays.counts)
        for number in np.unique(arrays.months[:count]).tolist():
            rows = np.flatnonzero(arrays.months[:count] == number)
            for run in np.split(rows, _cuts(arrays.is_exact[rows])):
                if not arrays.is_exact[run[0]]:
                    yield number, parsed, run
                    continue
                for row in run.tolist():
                    yield number, int(arrays.codes[row]), exact[row]

    def _stage(
        self,
        positions: Integers,
        first: int,
        parsed: ParsedArrays,
        number: int,
        of_month: MonthArrays,
        differences: Differences,
    ) -> int:
        done: int = stage(
            positions, first, parsed, self._partition, number, of_month, self._arrays, differences.array[0]
        )
        return done

    def _newest(self, code: int, number: int, shown: MonthColumns | None) -> Sums | None:
        row = find_staged(self._arrays, number, code, False)
        if row != NONE:
            return self._of_row(row)
        return None if shown is None else shown.partial(code, self._partition)

    def _of_row(self, row: int) -> Sums | None:
        if self._arrays.is_exact[row]:
            return self._exact[row]
        return pack(self._arrays.totals[row].tolist(), self._arrays.counts[row].tolist())

    def _replace(self, row: int, sums: Sums | None) -> None:
        arrays = self._arrays
        totals, counts = unpack(sums or NO_SUMS, arrays.totals.shape[1])
        # What has no events is left to Python as well: it may take a customer away.
        arrays.is_exact[row] = not any(counts) or not fits(totals, counts)
        if arrays.is_exact[row]:
            self._exact[row] = sums
            arrays.totals[row], arrays.counts[row] = 0, 0
        else:
            self._exact.pop(row, None)
            arrays.totals[row], arrays.counts[row] = totals, counts

    def _make_room(self, rows: int, width: int) -> None:
        self._arrays = _with_room(self._arrays, rows, width)


def _cuts(is_exact: "np.ndarray[tuple[int], np.dtype[np.uint8]]") -> Integers:
    """Return where rows in columns and others follow each other."""
    return np.flatnonzero(np.diff(is_exact)) + 1


def _no_rows(width: int) -> StageArrays:
    return StageArrays(
        slots=np.full(2 * _FIRST_ROWS, NONE, np.int32),
        codes=np.zeros(_FIRST_ROWS, np.int32),
        months=np.zeros(_FIRST_ROWS, np.int32),
        is_exact=np.zeros(_FIRST_ROWS, np.uint8),
        totals=np.zeros((_FIRST_ROWS, width), np.int64),
        counts=np.zeros((_FIRST_ROWS, width), np.uint32),
        sizes=np.zeros(1, np.int64),
    )


def _with_room(arrays: StageArrays, rows: int, width: int) -> StageArrays:
    """Return arrays of the same content with room for so many more rows, and so many types."""
    count, missing = int(arrays.sizes[0]), width - arrays.totals.shape[1]
    if missing > 0:
        arrays = arrays._replace(
            totals=np.pad(arrays.totals, ((0, 0), (0, missing))), counts=np.pad(arrays.counts, ((0, 0), (0, missing)))
        )
    if count + rows > len(arrays.codes):
        columns = arrays._asdict()
        more = {name: longer(columns[name], count, rows + count) for name in columns if name not in ("slots", "sizes")}
        slots = np.full(2 << (len(more["codes"])).bit_length(), NONE, np.int32)
        arrays = arrays._replace(slots=slots, **more)
        enter_staged(arrays)
    return arrays
