"""Enters sums into the columns of a month, and keeps them back until a commit is whole.

Sums of differences are told in two halves, since they may outgrow 64 bits: the upper one counts 2^32.
"""

import numpy as np

from billing.runtime.native.compiled import compiled
from exporter.kernel.arrays import Codes, Counts, Integers, MonthArrays, ParsedArrays, StageArrays, Whole
from exporter.kernel.inlining import inlined
from exporter.kernel.staged import new_staged_row, staged_row

UPPER, LOWER, COUNT = 0, 1, 2
"""The rows of an array of differences: halves of the micros, and events, each by the slot of the type."""

_LOW = 0xFFFFFFFF


@inlined
def row_of(row: Whole, nexts: Codes, owners: Codes, owner: Whole) -> tuple[Whole, bool]:
    """Return the row of a partition in the chain from `row` on, -1 if there is none; and whether all is in columns."""
    found, is_plain = np.int64(-1), True
    while row >= 0:
        if owners[row] < 0:
            is_plain = False
        elif owners[row] == owner:
            found = np.int64(row)
        row = nexts[row]
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
    _, inputs, _, codes, parsed_totals, parsed_counts = parsed
    heads, present, nexts, owners, totals, counts, active, _ = month
    width = parsed_totals.shape[1]
    for place in range(first, positions.shape[0]):
        position = positions[place]
        code, owner, difference = codes[position], inputs[position], differences[groups[place]]
        row, is_plain = row_of(heads[code] - 1, nexts, owners, owner)
        if not is_plain or (heads[code] > 0 and present[code] == 0):
            return place
        if row < 0:
            row = _new_row(month, code, owner)
        for slot in range(totals.shape[1]):
            total = parsed_totals[position, slot] if slot < width else 0
            count = np.int64(parsed_counts[position, slot]) if slot < width else 0
            _differ(difference, slot, -1, totals[row, slot], counts[row, slot])
            _differ(difference, slot, 1, total, count)
            others = _events_of(heads[code] - 1, nexts, counts, slot) - counts[row, slot]
            active[slot] += np.int64(others + count > 0) - np.int64(others + counts[row, slot] > 0)
            totals[row, slot], counts[row, slot] = total, count
    return positions.shape[0]


@inlined
def _new_row(month: MonthArrays, code: Whole, owner: Whole) -> Whole:
    """Return a row of zeros for a customer; the first one keeps its place, which is the customer's."""
    heads, present, nexts, owners, totals, counts, _, sizes = month
    row = sizes[0]
    sizes[0] += 1
    owners[row] = owner
    totals[row, :] = 0
    counts[row, :] = 0
    head = heads[code] - 1
    if head < 0:
        heads[code], nexts[row], present[code] = row + 1, -1, 1
        sizes[1] += 1
    else:
        nexts[row], nexts[head] = nexts[head], row
    return row


@inlined
def _events_of(row: Whole, nexts: Codes, counts: Counts, slot: Whole) -> Whole:
    events = np.int64(0)
    while row >= 0:
        events += np.int64(counts[row, slot])
        row = nexts[row]
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
    _, _, _, codes, parsed_totals, parsed_counts = parsed
    heads, _, nexts, owners, shown_totals, shown_counts, _, _ = month
    _, _, _, is_exact, totals, counts, _ = staged
    width, shown_width = parsed_totals.shape[1], shown_totals.shape[1]
    for place in range(first, positions.shape[0]):
        position = positions[place]
        code = codes[position]
        row = staged_row(staged, number, code)
        head = heads[code] - 1 if code < heads.shape[0] else -1
        shown, is_plain = row_of(head, nexts, owners, owner)
        if not is_plain or (row >= 0 and is_exact[row] != 0):
            return place
        is_first = row < 0
        if is_first:
            row = new_staged_row(staged, number, code)
        for slot in range(totals.shape[1]):
            total = parsed_totals[position, slot] if slot < width else 0
            count = np.int64(parsed_counts[position, slot]) if slot < width else 0
            if not is_first:
                _differ(difference, slot, -1, totals[row, slot], counts[row, slot])
            elif shown >= 0 and slot < shown_width:
                _differ(difference, slot, -1, shown_totals[shown, slot], shown_counts[shown, slot])
            _differ(difference, slot, 1, total, count)
            totals[row, slot], counts[row, slot] = total, count
    return positions.shape[0]
