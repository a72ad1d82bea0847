"""Puts customers in order: by a figure, highest first, and by their names where figures are the same."""

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled
from exporter.kernel.arrays import Bytes, Codes, Counts, Integers, MonthArrays, NameArrays, Whole
from exporter.kernel.inlining import inlined

LEFT_OUT = 0
"""The customer has no such figure."""
IN_COLUMNS = 1
ELSEWHERE = 2
"""The figure, or what it is made of, does not fit into 64 bits."""

ALL_TYPES = -1

# Runs up to this long are sorted by insertion before they are merged.
_SHORT = 16
_DIGIT_BITS = 11
_DIGITS = 1 << _DIGIT_BITS
_LOW = 0xFFFFFFFF
_UPPER_LIMIT = 2**31 - 1


@compiled
def measure(codes: Codes, month: MonthArrays, slot: Whole, by_count: bool, figures: Integers, kinds: Bytes) -> None:
    """Tell the figure of each customer, negated so that the highest comes first, and where it is to be had.

    Args:
        codes: the customers.
        month: their sums.
        slot: the type that is looked at alone, which leaves out whoever has no events of it; or ALL_TYPES.
        by_count: events instead of micros.
        figures: gets the figures.
        kinds: gets LEFT_OUT, IN_COLUMNS or ELSEWHERE.
    """
    heads, present, nexts, owners, totals, counts, _, _ = month
    for place in range(codes.shape[0]):
        code = codes[place]
        if code >= heads.shape[0] or present[code] == 0:
            kinds[place] = LEFT_OUT
        else:
            kinds[place], figures[place] = _figure(heads[code] - 1, nexts, owners, totals, counts, slot, by_count)


@inlined
def _figure(
    row: Whole, nexts: Codes, owners: Codes, totals: Integers, counts: Counts, slot: Whole, by_count: bool
) -> tuple[Whole, Whole]:
    upper, lower, events = np.int64(0), np.int64(0), np.int64(0)
    first, behind = (0, totals.shape[1]) if slot == ALL_TYPES else (slot, slot + 1)
    while row >= 0:
        if owners[row] < 0:
            return ELSEWHERE, np.int64(0)
        for at in range(first, min(behind, totals.shape[1])):
            events += np.int64(counts[row, at])
            upper += totals[row, at] >> 32
            lower += totals[row, at] & _LOW
        row = nexts[row]
    if slot != ALL_TYPES and events == 0:
        return LEFT_OUT, np.int64(0)
    if by_count:
        return IN_COLUMNS, -events
    upper += lower >> 32
    if not -_UPPER_LIMIT <= upper < _UPPER_LIMIT:
        return ELSEWHERE, np.int64(0)
    return IN_COLUMNS, -((upper << 32) | (lower & _LOW))


@compiled
def sort_by_key(keys: Integers, codes: Codes, spare_keys: Integers, spare_codes: Codes) -> None:
    """Sort keys, lowest first, and codes with them, in place; those with the same key keep their order.

    By their digits, the last one first, of which there are as many as the keys differ in: on some processors that takes
    a quarter of what comparing does.

    Args:
        keys: what is sorted by.
        codes: what goes with them.
        spare_keys: room for as many.
        spare_codes: room for as many.
    """
    count = keys.shape[0]
    if count == 0:
        return
    least, most = keys[0], keys[0]
    for place in range(count):
        least, most = min(least, keys[place]), max(most, keys[place])
    span, shift = np.uint64(most) - np.uint64(least), np.uint64(0)
    starts = np.empty(_DIGITS, np.int64)
    while shift < np.uint64(64) and span >> shift != np.uint64(0):
        starts[:] = 0
        for place in range(count):
            starts[_digit(keys[place], least, shift)] += 1
        before = np.int64(0)
        for digit in range(_DIGITS):
            starts[digit], before = before, before + starts[digit]
        for place in range(count):
            digit = _digit(keys[place], least, shift)
            spare_keys[starts[digit]], spare_codes[starts[digit]] = keys[place], codes[place]
            starts[digit] += 1
        keys[:], codes[:] = spare_keys, spare_codes
        shift += np.uint64(_DIGIT_BITS)


@inlined
def _digit(key: Whole, least: Whole, shift: Whole) -> Whole:
    return np.int64(((np.uint64(key) - np.uint64(least)) >> shift) & np.uint64(_DIGITS - 1))


@compiled
def sort_ties(keys: NDArray[np.int64], codes: Codes, names: NameArrays) -> None:
    """Put neighbours with the same key in the order of their names."""
    scratch = np.empty(codes.shape[0], np.int32)
    first = 0
    for place in range(1, codes.shape[0] + 1):
        if place == codes.shape[0] or keys[place] != keys[first]:
            if place - first > 1:
                _sort_by_name(codes[first:place], scratch, names)
            first = place


@compiled
def next_long_run(keys: NDArray[np.int64], first: Whole, least: Whole) -> tuple[Whole, Whole]:
    """Return where the next run of the same key begins that has so many places, and where it ends.

    If there is none, both are the number of keys.

    Args:
        keys: sorted keys.
        first: where a run begins, to look from.
        least: how many places.
    """
    for place in range(first + 1, keys.shape[0] + 1):
        if place == keys.shape[0] or keys[place] != keys[first]:
            if place - first >= least:
                return first, place
            first = place
    return keys.shape[0], keys.shape[0]


@inlined
def _sort_by_name(codes: Codes, scratch: Codes, names: NameArrays) -> None:
    """Sort by merging, from the shortest runs to the longest."""
    size = codes.shape[0]
    for first in range(0, size, _SHORT):
        _insert(codes, first, min(first + _SHORT, size), names)
    width = _SHORT
    while width < size:
        for first in range(0, size - width, 2 * width):
            _merge(codes, first, first + width, min(first + 2 * width, size), scratch, names)
        width *= 2


@inlined
def _insert(codes: Codes, first: Whole, end: Whole, names: NameArrays) -> None:
    for place in range(first + 1, end):
        code, at = codes[place], place
        while at > first and is_before(names, code, codes[at - 1]):
            codes[at] = codes[at - 1]
            at -= 1
        codes[at] = code


@inlined
def _merge(codes: Codes, first: Whole, middle: Whole, end: Whole, scratch: Codes, names: NameArrays) -> None:
    if not is_before(names, codes[middle], codes[middle - 1]):
        return
    for place in range(first, middle):
        scratch[place - first] = codes[place]
    left, right, at = 0, middle, first
    while left < middle - first and right < end:
        if is_before(names, codes[right], scratch[left]):
            codes[at] = codes[right]
            right += 1
        else:
            codes[at] = scratch[left]
            left += 1
        at += 1
    while left < middle - first:
        codes[at] = scratch[left]
        left += 1
        at += 1


@inlined
def is_before(names: NameArrays, left: Whole, right: Whole) -> bool:
    """Say whether a name comes before another one: the order of UTF-8 is that of code points."""
    text, starts, _, _ = names
    at, other = starts[left], starts[right]
    end, other_end = starts[left + 1], starts[right + 1]
    while at < end and other < other_end:
        if text[at] != text[other]:
            return bool(text[at] < text[other])
        at += 1
        other += 1
    return bool(end - at < other_end - other)


@compiled
def name_keys(names: NameArrays, codes: Codes, keys: Integers) -> None:
    """Tell of each name a number that sorts as the name does, from the first place on where any two names differ.

    Names that have the same number are left to :func:`sort_ties`.
    """
    if codes.shape[0] == 0:
        return
    text, starts, _, _ = names
    skipped = _common_length(names, codes)
    for place in range(codes.shape[0]):
        key = np.int64(0)
        start, end = starts[codes[place]] + skipped, starts[codes[place] + 1]
        # Seven bytes keep the number positive.
        for at in range(7):
            byte = text[start + at] if start + at < end else 0
            key = key << 8 | np.int64(byte)
        keys[place] = key


@inlined
def _common_length(names: NameArrays, codes: Codes) -> Whole:
    """Return how many bytes all names begin with alike."""
    text, starts, _, _ = names
    first = starts[codes[0]]
    length = starts[codes[0] + 1] - first
    for code in codes:
        start = starts[code]
        length = min(length, starts[code + 1] - start)
        place = 0
        while place < length and text[start + place] == text[first + place]:
            place += 1
        length = place
    return length


@compiled
def place_of(codes: Codes, names: NameArrays, name: Bytes) -> Whole:
    """Return how many of some customers, who are in the order of their names, come before a name."""
    low, high = 0, codes.shape[0]
    while low < high:
        middle = (low + high) // 2
        if _is_before_text(names, codes[middle], name):
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def _is_before_text(names: NameArrays, code: Whole, name: Bytes) -> bool:
    text, starts, _, _ = names
    start, length = starts[code], starts[code + 1] - starts[code]
    for place in range(min(length, name.shape[0])):
        if text[start + place] != name[place]:
            return bool(text[start + place] < name[place])
    return bool(length < name.shape[0])


@compiled
def note(codes: Codes, is_moved: Bytes, moved: Codes, count: Whole) -> Whole:
    """Add customers to those that have moved, each once, and return how many these are now."""
    for code in codes:
        if is_moved[code] == 0:
            is_moved[code] = 1
            moved[count] = code
            count += 1
    return count
