"""Enters sums into the columns of a month, and keeps them back until a commit is whole.

Sums of differences are told in two halves, since they may outgrow 64 bits: the upper one counts 2^32.
"""

import numpy as np

from billing.runtime.native.compiled import compiled, inlined
from exporter.kernel.arrays import Integers, MonthArrays, ParsedArrays, StageArrays, Whole
from exporter.kernel.staged import new_staged_row, staged_row

UPPER, LOWER, COUNT = 0, 1, 2
"""The rows of an array of differences: halves of the micros, and events, each by the slot of the type."""

_LOW = 0xFFFFFFFF


@inlined
def row_of(month: MonthArrays, code: Whole, owner: Whole) -> tuple[Whole, bool]:
    """Return the row of a customer and partition, -1 if there is none; and whether all of the chain is in columns."""
    found, is_plain = np.int64(-1), True
    row: Whole = month.heads[code] if code < month.heads.shape[0] else -1
    while row >= 0:
        if month.owners[row] < 0:
            is_plain = False
        elif month.owners[row] == owner:
            found = row
        row = month.nexts[row]
    return found, is_plain


@inlined
def _differ(difference: Integers, slot: Whole, sign: Whole, total: Whole, count: Whole) -> None:
    difference[UPPER, slot] += sign * (total >> 32)
    difference[LOWER, slot] += sign * (total & _LOW)
    difference[COUNT, slot] += sign * np.int64(count)


@compiled
def put(
    positions: Integers, groups: Integers, first: Whole, parsed: ParsedArrays, month: MonthArrays, differences: Integers
) -> Whole:
    """Enter parsed sums into a month that has room for them, and return how far that went.

    It stops before a customer whose sums are not all in columns, or add up to zero.

    Args:
        positions: of those that belong to the month, in their order; each has events.
        groups: of each, which of the differences is its input partition's.
        first: where among the positions to begin.
        parsed: the sums.
        month: where they are entered.
        differences: what the month gets more than it had, added to what is there.
    """
    width = parsed.totals.shape[1]
    for place in range(first, positions.shape[0]):
        position = positions[place]
        code, owner, difference = parsed.codes[position], parsed.inputs[position], differences[groups[place]]
        row, is_plain = row_of(month, code, owner)
        if not is_plain or (month.heads[code] >= 0 and month.present[code] == 0):
            return place
        if row < 0:
            row = _new_row(month, code, owner)
        for slot in range(month.totals.shape[1]):
            total = parsed.totals[position, slot] if slot < width else 0
            count = np.int64(parsed.counts[position, slot]) if slot < width else 0
            _differ(difference, slot, -1, month.totals[row, slot], month.counts[row, slot])
            _differ(difference, slot, 1, total, count)
            before = _events_of(month, code, slot)
            month.totals[row, slot], month.counts[row, slot] = total, count
            month.active[slot] += np.int64(_events_of(month, code, slot) > 0) - np.int64(before > 0)
    return positions.shape[0]


@inlined
def _new_row(month: MonthArrays, code: Whole, owner: Whole) -> Whole:
    """Return a row of zeros for a customer; the first one keeps its place, which is the customer's."""
    row = month.sizes[0]
    month.sizes[0] += 1
    month.owners[row] = owner
    month.totals[row, :] = 0
    month.counts[row, :] = 0
    head = month.heads[code]
    if head < 0:
        month.heads[code], month.nexts[row], month.present[code] = row, -1, 1
        month.sizes[1] += 1
    else:
        month.nexts[row], month.nexts[head] = month.nexts[head], row
    return row


@inlined
def _events_of(month: MonthArrays, code: Whole, slot: Whole) -> Whole:
    events, row = np.int64(0), month.heads[code]
    while row >= 0:
        events += np.int64(month.counts[row, slot])
        row = month.nexts[row]
    return events


@compiled
def stage(
    positions: Integers,
    first: Whole,
    parsed: ParsedArrays,
    owner: Whole,
    number: Whole,
    month: MonthArrays,
    staged: StageArrays,
    difference: Integers,
) -> Whole:
    """Keep parsed sums of one input partition back, the newest of each customer, and return how far that went.

    It stops before a customer whose sums so far are not all in columns. There must be room.

    Args:
        positions: of those that belong to the month and the partition, in their order.
        first: where among the positions to begin.
        parsed: the sums.
        owner: the input partition.
        number: of the month.
        month: what is shown of it.
        staged: where they are kept.
        difference: what these sums have more than those that they take the place of, added to what is there.
    """
    width = parsed.totals.shape[1]
    for place in range(first, positions.shape[0]):
        position = positions[place]
        code = parsed.codes[position]
        row = staged_row(staged, number, code)
        shown, is_plain = row_of(month, code, owner)
        if not is_plain or (row >= 0 and staged.is_exact[row] != 0):
            return place
        is_first = row < 0
        if is_first:
            row = new_staged_row(staged, number, code)
        for slot in range(staged.totals.shape[1]):
            total = parsed.totals[position, slot] if slot < width else 0
            count = np.int64(parsed.counts[position, slot]) if slot < width else 0
            if not is_first:
                _differ(difference, slot, -1, staged.totals[row, slot], staged.counts[row, slot])
            elif shown >= 0 and slot < month.totals.shape[1]:
                _differ(difference, slot, -1, month.totals[shown, slot], month.counts[shown, slot])
            _differ(difference, slot, 1, total, count)
            staged.totals[row, slot], staged.counts[row, slot] = total, count
    return positions.shape[0]
