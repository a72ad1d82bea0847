"""Rows of sums that are kept back, found by customer and month: an open hash table."""

import numpy as np

from billing.runtime.native.compiled import compiled
from exporter.kernel.arrays import StageArrays, Whole
from exporter.kernel.inlining import inlined


@inlined
def _place(number: Whole, code: Whole) -> Whole:
    return (np.uint64(code) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(number) * np.uint64(0xE7037ED1A0B428DB)) >> (
        np.uint64(33)
    )


@inlined
def staged_row(staged: StageArrays, number: Whole, code: Whole) -> Whole:
    """Return the row of a customer and month among the staged ones, -1 if there is none."""
    slots, codes, months, _, _, _, _ = staged
    mask = slots.shape[0] - 1
    at = np.int64(_place(number, code)) & mask
    while slots[at] >= 0:
        row = slots[at]
        if codes[row] == code and months[row] == number:
            return np.int64(row)
        at = (at + 1) & mask
    return np.int64(-1)


@inlined
def new_staged_row(staged: StageArrays, number: Whole, code: Whole) -> Whole:
    """Return a row of zeros for a customer and month that has none. There must be room for it."""
    _, codes, months, is_exact, totals, counts, sizes = staged
    row = sizes[0]
    sizes[0] += 1
    codes[row], months[row], is_exact[row] = code, number, 0
    totals[row, :] = 0
    counts[row, :] = 0
    _enter(staged, row)
    return row


@inlined
def _enter(staged: StageArrays, row: Whole) -> None:
    slots, codes, months, _, _, _, _ = staged
    mask = slots.shape[0] - 1
    at = np.int64(_place(months[row], codes[row])) & mask
    while slots[at] >= 0:
        at = (at + 1) & mask
    slots[at] = row


@compiled
def find_staged(staged: StageArrays, number: Whole, code: Whole, adds: bool) -> Whole:
    """Return the row of a customer and month, which is added if it is not there and `adds` says so; else -1."""
    row = staged_row(staged, number, code)
    if row < 0 and adds:
        return new_staged_row(staged, number, code)
    return row


@compiled
def enter_staged(staged: StageArrays) -> None:
    """Enter all rows into a hash table that is empty."""
    for row in range(staged.sizes[0]):
        _enter(staged, row)
