"""Sums per customer and month, and per hour, of one input partition, in arrays that a kernel adds to.

Rows are only ever added, so those that are new since a commit are the last ones. Sums have 64 bits; one that would not
fit is told, and kept elsewhere: the kernel leaves marked rows alone.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole, folded_product, load8
from processor.kernel.calendar import CalendarArrays, cut_of, hour_start
from processor.kernel.parse import HASH, MICROS, MS, NAME, NAME_LENGTH, NO_EVENT, SLOT
from processor.kernel.text import same_bytes

DIRTY, WIDE = 1, 2
# What a row is known by: its hash, where its name begins, the name's length, the month's index. Of an hour: its start.
KEY_HASH, KEY_NAME, KEY_NAME_LENGTH, KEY_MONTH = range(4)
# What a counter counts.
ROWS, NAME_BYTES, DIRTY_ROWS = range(3)
WATERMARK_MS, LATE = range(2)
# Why an event was left: the sums of its customer, or of its hour, have no room for it.
WIDE_CUSTOMER, WIDE_HOUR = 1, 2

_MONTH_KEY = np.uint64(0x9E3779B97F4A7C15)
_SLOT_KEY = np.uint64(0xD6E8FEB86659FD93)
_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1


class TableArrays(NamedTuple):
    """Rows of sums, found by an open-addressing table.

    Args:
        slots: a power of two of them; 0 is empty, else a part of the hash above the row plus one.
        keys: what each row is known by.
        names: the bytes of the names, one behind the other.
        sums: total micros and count of each type, alternating, a row each.
        flags: of each row.
        dirty: the rows that changed, in the order in which they did first.
        counters: rows, bytes of names, rows that changed.
    """

    slots: NDArray[np.int64]
    keys: NDArray[np.int64]
    names: NDArray[np.uint8]
    sums: NDArray[np.int64]
    flags: NDArray[np.uint8]
    dirty: NDArray[np.int32]
    counters: NDArray[np.int64]


def new_table(rows: int, name_bytes: int, types: int) -> TableArrays:
    """Return an empty table with room for so many rows, a power of two."""
    return TableArrays(
        slots=np.zeros(2 * rows, np.int64),
        keys=np.zeros((rows, 4), np.int64),
        names=np.zeros(name_bytes, np.uint8),
        sums=np.zeros((rows, 2 * types), np.int64),
        flags=np.zeros(rows, np.uint8),
        dirty=np.zeros(rows, np.int32),
        counters=np.zeros(3, np.int64),
    )


def with_room(table: TableArrays, rows: int, name_bytes: int) -> TableArrays:
    """Return the table with room for so many rows and bytes of names more."""
    used, used_bytes = int(table.counters[ROWS]), int(table.counters[NAME_BYTES])
    if used_bytes + name_bytes > len(table.names):
        table = table._replace(names=_longer(table.names, 2 * (used_bytes + name_bytes)))
    if used + rows <= len(table.keys):
        return table
    most = len(table.keys)
    while most < used + rows:
        most *= 2
    longer = {name: _longer(getattr(table, name), most) for name in ("keys", "sums", "flags", "dirty")}
    table = table._replace(slots=np.zeros(2 * most, np.int64), **longer)
    fill_slots(table)
    return table


def _longer(array: NDArray[Any], length: int) -> NDArray[Any]:
    longer: NDArray[Any] = np.zeros((length, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


@compiled
def fill_slots(table: TableArrays) -> None:
    """Enter all rows into empty slots."""
    mask = table.slots.shape[0] - 1
    for row in range(table.counters[ROWS]):
        found = np.uint64(table.keys[row, KEY_HASH])
        slot = np.int64(found & np.uint64(mask))
        while table.slots[slot] != 0:
            slot = (slot + 1) & mask
        table.slots[slot] = _entry(found, row)


@compiled
def find_customer(table: TableArrays, name: Whole, length: Whole, name_hash: Whole, month: Whole) -> Whole:
    """Return the row of a customer and month. A new one is added with sums of 0: there must be room for it."""
    mask = table.slots.shape[0] - 1
    found = folded_product(np.uint64(name_hash) ^ (np.uint64(month) * _MONTH_KEY), _SLOT_KEY)
    slot = np.int64(found & np.uint64(mask))
    tag = np.int64(found >> np.uint64(_ROW_BITS))
    base = table.names.ctypes.data
    while True:
        entry = table.slots[slot]
        if entry == 0:
            return _add_row(table, slot, found, name, length, month)
        if (entry >> _ROW_BITS) & _ROW_MASK == tag:
            row = (entry & _ROW_MASK) - 1
            key = table.keys[row]
            if (
                key[KEY_MONTH] == month
                and key[KEY_NAME_LENGTH] == length
                and same_bytes(base + key[KEY_NAME], name, length)
            ):
                return row
        slot = (slot + 1) & mask


@compiled
def find_hour(table: TableArrays, start_ms: Whole) -> Whole:
    """Return the row of an hour by its start. A new one is added with sums of 0: there must be room for it."""
    mask = table.slots.shape[0] - 1
    found = folded_product(np.uint64(start_ms) ^ _MONTH_KEY, _SLOT_KEY)
    slot = np.int64(found & np.uint64(mask))
    while True:
        entry = table.slots[slot]
        if entry == 0:
            return _add_row(table, slot, found, 0, 0, start_ms)
        row = (entry & _ROW_MASK) - 1
        if table.keys[row, KEY_MONTH] == start_ms:
            return row
        slot = (slot + 1) & mask


@inlined
def _entry(found: Whole, row: Whole) -> Whole:
    return np.int64((found >> np.uint64(_ROW_BITS)) << np.uint64(_ROW_BITS)) | (row + 1)


@inlined
def _add_row(table: TableArrays, slot: Whole, found: Whole, name: Whole, length: Whole, month: Whole) -> Whole:
    row, start = table.counters[ROWS], table.counters[NAME_BYTES]
    table.counters[ROWS] = row + 1
    table.counters[NAME_BYTES] = start + length
    table.slots[slot] = _entry(found, row)
    key = table.keys[row]
    key[KEY_HASH], key[KEY_NAME], key[KEY_NAME_LENGTH], key[KEY_MONTH] = np.int64(found), start, length, month
    for place in range(length):
        table.names[start + place] = load8(name + place)
    return row


@inlined
def _add(table: TableArrays, row: Whole, slot: Whole, micros: Whole) -> bool:
    """Add an event to a row; False if its sum has no room for it, and nothing was added."""
    before = table.sums[row, 2 * slot]
    after = before + micros
    if table.flags[row] & WIDE or ((before ^ after) & (micros ^ after)) < 0:
        return False
    table.sums[row, 2 * slot] = after
    table.sums[row, 2 * slot + 1] += 1
    mark_dirty(table, row)
    return True


@compiled
def mark_dirty(table: TableArrays, row: Whole) -> None:
    """Note that a row has changed."""
    if not table.flags[row] & DIRTY:
        table.flags[row] |= DIRTY
        table.dirty[table.counters[DIRTY_ROWS]] = row
        table.counters[DIRTY_ROWS] += 1


@compiled
def clear_dirty(table: TableArrays) -> None:
    """Note that nothing has changed since now."""
    for place in range(table.counters[DIRTY_ROWS]):
        table.flags[table.dirty[place]] &= ~np.uint8(DIRTY)
    table.counters[DIRTY_ROWS] = 0


@compiled
def add_events(
    rows: NDArray[np.int64],
    calendar: CalendarArrays,
    customers: TableArrays,
    hours: TableArrays,
    out_of_orderness_ms: Whole,
    counters: NDArray[np.int64],
    accepted: NDArray[np.int64],
    wide: NDArray[np.int64],
) -> Whole:
    """Add what rows of :func:`processor.kernel.parse.parse_records` say, in their order.

    Args:
        rows: the rows; those without an event are passed over.
        calendar: months and hours.
        customers: the sums per customer and month, with room for as many rows more.
        hours: the sums per hour, the same.
        out_of_orderness_ms: how far behind the watermark an event still counts as in time.
        counters: the watermark and the number of late events, which are carried on.
        accepted: by type, sums over all events: upper and lower half of the micros, and the count.
        wide: filled in with (position, what has no room, row of the customer or hour) of events that do not fit.

    Returns:
        How many of these there are.
    """
    left = 0
    watermark_ms, late = counters[WATERMARK_MS], counters[LATE]
    for index in range(rows.shape[0]):
        event = rows[index]
        slot = event[SLOT]
        if slot == NO_EVENT:
            continue
        ms, micros = event[MS], event[MICROS]
        late += ms < watermark_ms - out_of_orderness_ms
        watermark_ms = max(watermark_ms, ms)
        accepted[slot, 0] += micros >> 32
        accepted[slot, 1] += micros & 0xFFFFFFFF
        accepted[slot, 2] += 1
        cut = cut_of(calendar, ms)
        row = find_customer(customers, event[NAME], event[NAME_LENGTH], event[HASH], calendar.months[cut])
        if not _add(customers, row, slot, micros):
            wide[left, 0], wide[left, 1], wide[left, 2] = index, WIDE_CUSTOMER, row
            left += 1
        row = find_hour(hours, hour_start(calendar, cut, ms))
        if not _add(hours, row, slot, micros):
            wide[left, 0], wide[left, 1], wide[left, 2] = index, WIDE_HOUR, row
            left += 1
    counters[WATERMARK_MS], counters[LATE] = watermark_ms, late
    return left
