"""Writes rows of sums as the records of `billing.subtotals`: the same bytes as :mod:`billing.subtotal` gives."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole
from billing.subtotal import HOURS_VERSION, VERSION
from processor.kernel.table import KEY_MONTH, KEY_NAME, KEY_NAME_LENGTH, TableArrays

# Sign and digits of the longest number, twice, and what stands around them.
_NUMBERS_BYTES = 2 * 20 + 4
_SECOND_BYTES = 16
_FRAME_BYTES = 64

_TEN, _ZERO = np.uint64(10), np.uint64(48)


class Texts(NamedTuple):
    """Texts one behind the other.

    Args:
        data: their bytes.
        starts: where each begins; one more entry is where the last ends.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]


def texts_of(parts: Sequence[bytes]) -> Texts:
    """Return texts as arrays."""
    starts = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    return Texts(np.frombuffer(b"".join(parts) or b"\0", np.uint8).copy(), starts)


SUMS_START = texts_of([b'{"v":%d,"types":' % VERSION])
HOURS_START = texts_of([b'{"v":%d,"hours":{' % HOURS_VERSION])


def type_texts(names: Sequence[str]) -> Texts:
    """Return what stands in front of the sums of each type."""
    return texts_of([f'"{name}":['.encode() for name in names])


def longest_sums(types: Texts) -> int:
    """Return how long the text of one row's sums can get."""
    return len(types.data) + (len(types.starts) - 1) * _NUMBERS_BYTES + _FRAME_BYTES


def longest_second() -> int:
    """Return how long the text of an hour's start within its block can get, and what surrounds it."""
    return _SECOND_BYTES


@inlined
def put(texts: Texts, index: Whole, out: NDArray[np.uint8], at: Whole) -> Whole:
    """Write one of some texts; return where it ends."""
    for place in range(texts.starts[index], texts.starts[index + 1]):
        out[at] = texts.data[place]
        at += 1
    return at


@inlined
def put_number(number: Whole, out: NDArray[np.uint8], at: Whole) -> Whole:
    """Write a number in decimal; return where it ends."""
    left = np.uint64(number)
    if number < 0:
        out[at] = 45
        at += 1
        left = np.uint64(0) - left
    length, limit = 1, np.uint64(10)
    while length < 19 and left >= limit:
        length += 1
        limit *= np.uint64(10)
    for place in range(length - 1, -1, -1):
        shorter = left // _TEN
        out[at + place] = np.uint8(_ZERO + left - shorter * _TEN)
        left = shorter
    return at + length


@inlined
def put_types(sums: NDArray[np.int64], types: Texts, out: NDArray[np.uint8], at: Whole) -> Whole:
    """Write the sums of those types that have events, as an object; return where it ends."""
    out[at] = 123
    at += 1
    first = True
    for slot in range(types.starts.shape[0] - 1):
        if sums[2 * slot + 1] == 0:
            continue
        if not first:
            out[at] = 44
            at += 1
        first = False
        at = put_number(sums[2 * slot], out, put(types, slot, out, at))
        out[at] = 44
        at = put_number(sums[2 * slot + 1], out, at + 1)
        out[at] = 93
        at += 1
    out[at] = 125
    return at + 1


@compiled
def encode_customers(
    table: TableArrays,
    rows: NDArray[np.int32],
    prefix: Texts,
    months: Texts,
    types: Texts,
    start: Texts,
    out: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> None:
    """Write key and value of each of some rows, one behind the other.

    Args:
        table: the sums per customer and month.
        rows: which of its rows.
        prefix: what a key begins with.
        months: by the index of a month, what follows, up to the name.
        types: what stands in front of the sums of a type.
        start: what a value begins with.
        out: where all is written to; it must be long enough.
        ends: filled in with where each text ends: of a key, its value, the next key, and so on.
    """
    at = np.int64(0)
    for index in range(rows.shape[0]):
        key = table.keys[rows[index]]
        at = put(months, key[KEY_MONTH], out, put(prefix, 0, out, at))
        for place in range(key[KEY_NAME], key[KEY_NAME] + key[KEY_NAME_LENGTH]):
            out[at] = table.names[place]
            at += 1
        ends[2 * index] = at
        at = put_types(table.sums[rows[index]], types, out, put(start, 0, out, at))
        out[at] = 125
        at += 1
        ends[2 * index + 1] = at


@compiled
def encode_hours(
    table: TableArrays,
    rows: NDArray[np.int64],
    blocks: NDArray[np.int64],
    types: Texts,
    start: Texts,
    out: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> None:
    """Write the values of some blocks of hours, one behind the other.

    Args:
        table: the sums per hour.
        rows: the rows of all hours of the blocks, by their starts.
        blocks: for each of these the start of its block in milliseconds.
        types: what stands in front of the sums of a type.
        start: what a value begins with.
        out: where all is written to; it must be long enough.
        ends: filled in with where the value of each block ends.
    """
    at, block = np.int64(0), np.int64(-1)
    for index in range(rows.shape[0]):
        first = index == 0 or blocks[index] != blocks[index - 1]
        if first:
            block += 1
            at = put(start, 0, out, at)
        else:
            out[at] = 44
            at += 1
        out[at] = 34
        at = put_number((table.keys[rows[index], KEY_MONTH] - blocks[index]) // 1_000, out, at + 1)
        out[at], out[at + 1] = 34, 58
        at = put_types(table.sums[rows[index]], types, out, at + 2)
        if index + 1 == rows.shape[0] or blocks[index + 1] != blocks[index]:
            out[at], out[at + 1] = 125, 125
            at += 2
            ends[block] = at
