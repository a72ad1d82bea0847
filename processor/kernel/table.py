"""Sums per customer and month, and per hour, of one input partition, in arrays that a kernel adds to.

Rows are only ever added, so those that are new since a commit are the last ones. Sums have 64 bits; one that would not
fit is told, and kept elsewhere: the kernel leaves marked rows alone.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import (
    Whole,
    address_of,
    folded_product,
    load8,
    load64,
    prefetch,
    store8,
    store32,
    store64,
)
from processor.kernel.calendar import CalendarArrays, CalendarPlaces, calendar_places, cut_of, hour_start, month_of
from processor.kernel.rows import HASH, MICROS, MS, NAME, NAME_LENGTH, NO_EVENT, ROW_NUMBERS, SLOT
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
_KEY_BYTES = 4 * 8
# So many events are looked at ahead. Each is added by its month, the hash of that with the customer, the start of its
# hour, and the hash of that.
_STRETCH = 16
AHEAD_MONTH, AHEAD_CUSTOMER, AHEAD_START, AHEAD_HOUR = range(4)
_AHEAD_BYTES = 4 * 8
_ACCEPTED_BYTES = 3 * 8
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


def new_ahead() -> NDArray[np.int64]:
    """Return room for what some events are added by; the columns are `AHEAD_` in turn."""
    return np.zeros((_STRETCH, 4), np.int64)


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


class TablePlaces(NamedTuple):
    """Where a table's arrays lie, the last slot, and the bytes of a row of sums."""

    slots: Whole
    last_slot: Whole
    keys: Whole
    names: Whole
    sums: Whole
    sums_bytes: Whole
    flags: Whole
    dirty: Whole
    counters: Whole


@inlined
def table_places(table: TableArrays) -> TablePlaces:
    """Return where a table's arrays lie: to read and write them there costs a load or a store and nothing else."""
    return TablePlaces(
        address_of(table.slots),
        table.slots.shape[0] - 1,
        address_of(table.keys),
        address_of(table.names),
        address_of(table.sums),
        8 * table.sums.shape[1],
        address_of(table.flags),
        address_of(table.dirty),
        address_of(table.counters),
    )


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


@inlined
def customer_hash(name_hash: Whole, month: Whole) -> Whole:
    """Return the hash of a customer's month by the hash of the customer's name."""
    return folded_product(np.uint64(name_hash) ^ (np.uint64(month) * _MONTH_KEY), _SLOT_KEY)


@inlined
def hour_hash(start_ms: Whole) -> Whole:
    """Return the hash of an hour by its start."""
    return folded_product(np.uint64(start_ms) ^ _MONTH_KEY, _SLOT_KEY)


@inlined
def _fetch_slot(table: TablePlaces, found: Whole) -> None:
    """Have the slot brought nearer in which a hash is looked for first."""
    prefetch(table.slots + 8 * np.int64(found & np.uint64(table.last_slot)))


@inlined
def _fetch_row(table: TablePlaces, found: Whole, slot: Whole) -> None:
    """Have key and sums brought nearer of the row that the slot of a hash tells: it need not be the right one."""
    entry = load64(table.slots + 8 * np.int64(found & np.uint64(table.last_slot)))
    row = np.int64(entry & np.uint64(_ROW_MASK)) - 1
    prefetch(table.keys + _KEY_BYTES * row)
    prefetch(table.sums + row * table.sums_bytes + 16 * slot)


@inlined
def find_customer(table: TablePlaces, name: Whole, length: Whole, found: Whole, month: Whole) -> Whole:
    """Return the row of a customer and month by their hash. A new one is added with sums of 0: there must be room."""
    slot = np.int64(found & np.uint64(table.last_slot))
    tag = found >> np.uint64(_ROW_BITS)
    while True:
        entry = load64(table.slots + 8 * slot)
        if entry == np.uint64(0):
            return _add_row(table, slot, found, name, length, month)
        if entry >> np.uint64(_ROW_BITS) == tag:
            row = np.int64(entry & np.uint64(_ROW_MASK)) - 1
            key = table.keys + _KEY_BYTES * row
            if (
                np.int64(load64(key + 8 * KEY_MONTH)) == month
                and np.int64(load64(key + 8 * KEY_NAME_LENGTH)) == length
                and same_bytes(table.names + np.int64(load64(key + 8 * KEY_NAME)), name, length)
            ):
                return row
        slot = (slot + 1) & table.last_slot


@inlined
def find_hour(table: TablePlaces, found: Whole, start_ms: Whole) -> Whole:
    """Return the row of an hour by its hash and start. A new one is added with sums of 0: there must be room for it."""
    slot = np.int64(found & np.uint64(table.last_slot))
    while True:
        entry = load64(table.slots + 8 * slot)
        if entry == np.uint64(0):
            return _add_row(table, slot, found, 0, 0, start_ms)
        row = np.int64(entry & np.uint64(_ROW_MASK)) - 1
        if np.int64(load64(table.keys + _KEY_BYTES * row + 8 * KEY_MONTH)) == start_ms:
            return row
        slot = (slot + 1) & table.last_slot


@compiled
def hour_row(table: TableArrays, start_ms: Whole) -> Whole:
    """Return the row of an hour by its start. A new one is added with sums of 0: there must be room for it."""
    return find_hour(table_places(table), hour_hash(start_ms), start_ms)


@inlined
def _entry(found: Whole, row: Whole) -> Whole:
    return np.int64((found >> np.uint64(_ROW_BITS)) << np.uint64(_ROW_BITS)) | (row + 1)


@inlined
def _add_row(table: TablePlaces, slot: Whole, found: Whole, name: Whole, length: Whole, month: Whole) -> Whole:
    row, start = np.int64(load64(table.counters + 8 * ROWS)), np.int64(load64(table.counters + 8 * NAME_BYTES))
    store64(table.counters + 8 * ROWS, row + 1)
    store64(table.counters + 8 * NAME_BYTES, start + length)
    store64(table.slots + 8 * slot, _entry(found, row))
    key = table.keys + _KEY_BYTES * row
    store64(key + 8 * KEY_HASH, np.int64(found))
    store64(key + 8 * KEY_NAME, start)
    store64(key + 8 * KEY_NAME_LENGTH, length)
    store64(key + 8 * KEY_MONTH, month)
    for place in range(length):
        store8(table.names + start + place, np.int64(load8(name + place)))
    return row


@inlined
def _add(table: TablePlaces, row: Whole, slot: Whole, micros: Whole, events: Whole) -> bool:
    """Add micros and events to a row; False if its sum has no room for it, and nothing was added."""
    total = table.sums + row * table.sums_bytes + 16 * slot
    before = np.int64(load64(total))
    after = before + micros
    if load8(table.flags + row) & WIDE or ((before ^ after) & (micros ^ after)) < 0:
        return False
    store64(total, after)
    store64(total + 8, np.int64(load64(total + 8)) + events)
    _mark_dirty(table, row)
    return True


@inlined
def _mark_dirty(table: TablePlaces, row: Whole) -> None:
    flags = np.int64(load8(table.flags + row))
    if not flags & DIRTY:
        store8(table.flags + row, flags | DIRTY)
        count = np.int64(load64(table.counters + 8 * DIRTY_ROWS))
        store32(table.dirty + 4 * count, row)
        store64(table.counters + 8 * DIRTY_ROWS, count + 1)


@compiled
def mark_dirty(table: TableArrays, row: Whole) -> None:
    """Note that a row has changed."""
    _mark_dirty(table_places(table), row)


@compiled
def clear_dirty(table: TableArrays) -> None:
    """Note that nothing has changed since now."""
    for place in range(table.counters[DIRTY_ROWS]):
        table.flags[table.dirty[place]] &= ~np.uint8(DIRTY)
    table.counters[DIRTY_ROWS] = 0


@compiled
def add_events(
    rows: NDArray[np.int64],
    sign: Whole,
    calendar: CalendarArrays,
    customers: TableArrays,
    hours: TableArrays,
    out_of_orderness_ms: Whole,
    counters: NDArray[np.int64],
    accepted: NDArray[np.int64],
    wide: NDArray[np.int64],
    ahead: NDArray[np.int64],
) -> Whole:
    """Add what rows of :func:`processor.kernel.parse.parse_records` say, in their order.

    Args:
        rows: the rows; those without an event are passed over.
        sign: 1 adds them, -1 takes them out again.
        calendar: months and hours.
        customers: the sums per customer and month, with room for as many rows more.
        hours: the sums per hour, the same.
        out_of_orderness_ms: how far behind the watermark an event still counts as in time.
        counters: the watermark and the number of late events, which are carried on.
        accepted: by type, sums over all events: upper and lower half of the micros, and the count.
        wide: filled in with (position, what has no room, row of the customer or hour) of events that do not fit.
        ahead: room for what :func:`new_ahead` says, used meanwhile.

    Returns:
        How many of these there are.
    """
    left, count = 0, rows.shape[0]
    watermark_ms, late = counters[WATERMARK_MS], counters[LATE]
    event, all_sums, times = address_of(rows), address_of(accepted), calendar_places(calendar)
    keys = key = address_of(ahead)
    by_customer, by_hour = table_places(customers), table_places(hours)
    for index in range(count):
        if not index % _STRETCH:
            _fetch(event, min(_STRETCH, count - index), times, by_customer, by_hour, keys)
            key = keys
        slot = np.int64(load64(event + 8 * SLOT))
        if slot != NO_EVENT:
            ms, micros = np.int64(load64(event + 8 * MS)), sign * np.int64(load64(event + 8 * MICROS))
            late += ms < watermark_ms - out_of_orderness_ms
            watermark_ms = max(watermark_ms, ms)
            _add_to_all(all_sums + _ACCEPTED_BYTES * slot, micros, sign)
            name, length = np.int64(load64(event + 8 * NAME)), np.int64(load64(event + 8 * NAME_LENGTH))
            month, customer = np.int64(load64(key + 8 * AHEAD_MONTH)), load64(key + 8 * AHEAD_CUSTOMER)
            row = find_customer(by_customer, name, length, customer, month)
            if not _add(by_customer, row, slot, micros, sign):
                wide[left, 0], wide[left, 1], wide[left, 2] = index, WIDE_CUSTOMER, row
                left += 1
            row = find_hour(by_hour, load64(key + 8 * AHEAD_HOUR), np.int64(load64(key + 8 * AHEAD_START)))
            if not _add(by_hour, row, slot, micros, sign):
                wide[left, 0], wide[left, 1], wide[left, 2] = index, WIDE_HOUR, row
                left += 1
        event += 8 * ROW_NUMBERS
        key += _AHEAD_BYTES
    counters[WATERMARK_MS], counters[LATE] = watermark_ms, late
    return left


@inlined
def _fetch(
    event: Whole, count: Whole, times: CalendarPlaces, by_customer: TablePlaces, by_hour: TablePlaces, keys: Whole
) -> None:
    """Find out by what so many events will be added, and have that brought nearer: slots first, then rows.

    Args:
        event: the first one's row.
        count: how many.
        times: months and hours.
        by_customer: the sums per customer and month.
        by_hour: the sums per hour.
        keys: filled in with a row of :func:`new_ahead` for each event.
    """
    for place in range(count):
        at, key = event + 8 * ROW_NUMBERS * place, keys + _AHEAD_BYTES * place
        if np.int64(load64(at + 8 * SLOT)) != NO_EVENT:
            ms = np.int64(load64(at + 8 * MS))
            cut = cut_of(times, ms)
            month, start_ms = month_of(times, cut), hour_start(times, cut, ms)
            customer, hour = customer_hash(load64(at + 8 * HASH), month), hour_hash(start_ms)
            _fetch_slot(by_customer, customer)
            _fetch_slot(by_hour, hour)
            store64(key + 8 * AHEAD_MONTH, month)
            store64(key + 8 * AHEAD_CUSTOMER, np.int64(customer))
            store64(key + 8 * AHEAD_START, start_ms)
            store64(key + 8 * AHEAD_HOUR, np.int64(hour))
    for place in range(count):
        at, key = event + 8 * ROW_NUMBERS * place, keys + _AHEAD_BYTES * place
        slot = np.int64(load64(at + 8 * SLOT))
        if slot != NO_EVENT:
            _fetch_row(by_customer, load64(key + 8 * AHEAD_CUSTOMER), slot)
            _fetch_row(by_hour, load64(key + 8 * AHEAD_HOUR), slot)


@inlined
def _add_to_all(sums: Whole, micros: Whole, events: Whole) -> None:
    """Add micros and events to the sums over all, whose micros are in two halves: they outgrow no word in one call."""
    store64(sums, np.int64(load64(sums)) + (micros >> 32))
    store64(sums + 8, np.int64(load64(sums + 8)) + (micros & 0xFFFFFFFF))
    store64(sums + 16, np.int64(load64(sums + 16)) + events)
