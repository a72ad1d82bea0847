"""The records that tell of sums that changed: keys and values, the bytes of `billing.subtotal`, encoded in bulk."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from billing.period import MonthCalendar
from billing.subtotal import BLOCK_MS, HourBlockKey, SumsEncoder, encode_key
from billing.sums import TypeTable
from processor.kernel.encode import (
    HOURS_START,
    SUMS_START,
    Texts,
    encode_customers,
    encode_hours,
    longest_second,
    longest_sums,
    texts_of,
    type_texts,
)
from processor.kernel.table import KEY_MONTH, KEY_NAME_LENGTH, WIDE
from processor.sums_table import SumsRows

# Keys and values, as many of one as of the other.
Changes = tuple[Sequence[bytes], Sequence[bytes]]

_MOST_ROWS = 8_192
_MILLISECONDS = 1_000


@lru_cache(maxsize=8)
def month_texts(calendar: MonthCalendar) -> tuple[list[bytes], Texts]:
    """Return what stands between partition and name in a key, by the index of the month; made once per process."""
    months = [f"{month}|".encode() for month in calendar.months]
    return months, texts_of(months)


class ChangesEncoder:
    """Encodes sums of one input partition.

    Args:
        partition: the input partition.
        calendar: the billing periods.
        types: what sums are packed with.
    """

    def __init__(self, partition: int, calendar: MonthCalendar, types: TypeTable) -> None:
        self._partition = partition
        self._types = types
        self._prefix = f"customer|{partition}|".encode()
        self._prefix_text = texts_of([self._prefix])
        self._months, self._month_texts = month_texts(calendar)
        self._longest_key = len(self._prefix) + len(self._months[0])
        self._type_texts = type_texts(types.names)
        self._encoder = SumsEncoder(types)

    def learn_types(self) -> None:
        """Encode types that have turned up since, too."""
        if len(self._type_texts.starts) <= len(self._types.names):
            self._type_texts = type_texts(self._types.names)

    def customer_keys(self, table: SumsRows, rows: Sequence[int]) -> list[bytes]:
        """Return the keys of rows of customers and months."""
        names, keys = table.arrays.names.tobytes(), table.arrays.keys[list(rows)].tolist()
        return [self._prefix + self._months[month] + names[start : start + length] for _, start, length, month in keys]

    def customers(self, table: SumsRows) -> Iterator[Changes]:
        """Yield the records of the customers and months that changed, some thousands at a time."""
        rows = table.dirty
        wide = table.arrays.flags[rows] & WIDE != 0
        for part in _parts(rows[~wide]):
            yield self._customers(table, part)
        large = rows[wide].tolist()
        if large:
            values = [self._encoder.encode_sums(table.sums(row)) for row in large]
            yield self.customer_keys(table, large), values

    def _customers(self, table: SumsRows, rows: NDArray[np.int32]) -> Changes:
        longest = self._longest_key + longest_sums(self._type_texts)
        names = int(table.arrays.keys[rows, KEY_NAME_LENGTH].sum())
        out, ends = np.empty(len(rows) * longest + names, np.uint8), np.empty(2 * len(rows), np.int64)
        texts = self._prefix_text, self._month_texts, self._type_texts, SUMS_START
        encode_customers(table.arrays, rows, *texts, out, ends)
        found = _cut(out, ends)
        return found[::2], found[1::2]

    def hours(self, table: SumsRows) -> Changes:
        """Return the records of the blocks of hours that changed, each with all its hours."""
        starts = table.arrays.keys[: len(table), KEY_MONTH]
        blocks = starts - starts % BLOCK_MS
        changed = np.array(sorted(set(blocks[table.dirty].tolist())), np.int64)
        rows = np.flatnonzero(np.isin(blocks, changed))
        rows = rows[np.argsort(starts[rows])]
        keys = [encode_key(HourBlockKey(self._partition, start)) for start in changed.tolist()]
        if np.any(table.arrays.flags[rows] & WIDE):
            return keys, [self._block(table, start, rows[blocks[rows] == start].tolist()) for start in changed.tolist()]
        longest = longest_sums(self._type_texts) + longest_second()
        out, ends = np.empty(len(rows) * longest, np.uint8), np.empty(len(keys), np.int64)
        encode_hours(table.arrays, rows, blocks[rows], self._type_texts, HOURS_START, out, ends)
        return keys, _cut(out, ends)

    def _block(self, table: SumsRows, block_start_ms: int, rows: Sequence[int]) -> bytes:
        starts = table.arrays.keys[list(rows), KEY_MONTH].tolist()
        seconds = [(start_ms - block_start_ms) // _MILLISECONDS for start_ms in starts]
        return self._encoder.encode_hours(dict(zip(seconds, map(table.sums, rows), strict=True)))


def _parts(rows: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
    for start in range(0, len(rows), _MOST_ROWS):
        yield rows[start : start + _MOST_ROWS]


def _cut(out: NDArray[np.uint8], ends: NDArray[np.int64]) -> list[bytes]:
    """Return the texts that end where it is said, one behind the other."""
    places = ends.tolist()
    data = out[: places[-1] if places else 0].tobytes()
    return [data[start:end] for start, end in pairwise([0, *places])]
