"""Lines of text by the million, put together from columns by compiled code."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.packed import Packed
from billing.runtime.native.compiled import compiled

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    """A column of numbers from 0 on, filled up with zeros to a width."""

    numbers: Integers
    width: int


def lines(pieces: Sequence[str | Packed | Digits], count: int) -> Packed:
    """Return so many lines, each of which joins what the pieces have for it: a text is the same in each."""
    columns = [_same(piece, count) if isinstance(piece, str) else piece for piece in pieces]
    lengths = np.zeros(count, np.int64)
    for column in columns:
        lengths += column.width if isinstance(column, Digits) else column.lengths
    starts = np.cumsum(lengths) - lengths
    data, ends = np.empty(int(lengths.sum()), np.uint8), starts.copy()
    for column in columns:
        if isinstance(column, Digits):
            put_digits(data, ends, column.numbers, column.width)
        else:
            put_texts(data, ends, column.data, column.starts, column.lengths)
    return Packed(data, starts, lengths)


def _same(text: str, count: int) -> Packed:
    data = np.frombuffer(text.encode(), np.uint8)
    return Packed(data, np.zeros(count, np.int64), np.full(count, len(data)))


@compiled
def put_texts(out: Bytes, ends: Integers, data: Bytes, starts: Integers, lengths: Integers) -> None:
    """Write a text at the end of each line, and move that end."""
    for line in range(ends.shape[0]):
        end, start = ends[line], starts[line]
        for place in range(lengths[line]):
            out[end + place] = data[start + place]
        ends[line] = end + lengths[line]


@compiled
def put_digits(out: Bytes, ends: Integers, numbers: Integers, width: int) -> None:
    """Write a number at the end of each line, and move that end."""
    for line in range(ends.shape[0]):
        number, end = np.uint64(numbers[line]), ends[line] + width
        for place in range(1, width + 1):
            out[end - place] = np.uint64(48) + number % np.uint64(10)
            number //= np.uint64(10)
        ends[line] = end
