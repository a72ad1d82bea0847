"""Reads records into rows of numbers, and leaves what is unusual to the exact path."""

import numpy as np
from numpy.typing import NDArray

from billing.event_time import FIRST_MICROSECOND_TIMESTAMP
from billing.local_time import MS_PER_SECOND
from billing.period import FIRST_MS_TIMESTAMP
from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole, address_of, load8, load64, store64
from processor.kernel.csv import ALL_READ, parse_csv
from processor.kernel.json import parse_json, skip_space
from processor.kernel.rows import (
    FIELDS_READ,
    HASH,
    MS,
    NAME,
    NAME_LENGTH,
    NO_EVENT,
    ROW_NUMBERS,
    SLOT,
    TypePlaces,
    type_places,
)
from processor.kernel.text import hash_of


@compiled
def parse_records(
    values: NDArray[np.int64],
    lengths: NDArray[np.int64],
    types: NDArray[np.int64],
    limits: tuple[Whole, Whole, Whole],
    seed: Whole,
    rows: NDArray[np.int64],
    rest: NDArray[np.int64],
) -> Whole:
    """Read records into rows, and put the positions of those left to the exact path into `rest`.

    Args:
        values: the addresses of the records' values.
        lengths: how long they are; -1 is a record without one.
        types: what :func:`processor.kernel.rows.type_rows` gives.
        limits: the longest record in bytes, the earliest and the latest event time in milliseconds.
        seed: of the hashes.
        rows: what is filled in, a row for each record.
        rest: what is filled in, ascending.

    Returns:
        How many are left.
    """
    left = 0
    row, known = address_of(rows), type_places(types)
    longest, earliest_ms, latest_ms = limits
    for index in range(values.shape[0]):
        length, read = lengths[index], np.int64(0)
        if 0 < length <= longest:
            read = _parse(values[index], length, row, known)
        if read != 0 and not _in_time(row, earliest_ms, latest_ms):
            read = np.int64(0)
        if read == ALL_READ:
            _hash_name(row, seed)
        else:
            store64(row + 8 * SLOT, NO_EVENT)
            store64(row + 8 * FIELDS_READ, read)
            rest[left] = index
            left += 1
        row += 8 * ROW_NUMBERS
    return left


@inlined
def _parse(at: Whole, length: Whole, row: Whole, types: TypePlaces) -> Whole:
    end = at + length
    if 48 <= load8(at) <= 57 and load8(end - 1) > 32:
        return parse_csv(at, end, row, types)
    start = skip_space(at, end)
    if start < end and load8(start) == 123:
        return ALL_READ if parse_json(start, end, row, types) else np.int64(0)
    # Line ends around a line do not count; spaces do.
    while at < end and (load8(at) == 10 or load8(at) == 13):
        at += 1
    while end > at and (load8(end - 1) == 10 or load8(end - 1) == 13):
        end -= 1
    return parse_csv(at, end, row, types)


@inlined
def _in_time(row: Whole, earliest_ms: Whole, latest_ms: Whole) -> bool:
    """Make the event time milliseconds; whether it is allowed."""
    time = np.int64(load64(row + 8 * MS))
    if time >= FIRST_MICROSECOND_TIMESTAMP:
        return False
    if time < FIRST_MS_TIMESTAMP:
        time *= MS_PER_SECOND
        store64(row + 8 * MS, time)
    return bool(earliest_ms <= time <= latest_ms)


@inlined
def _hash_name(row: Whole, seed: Whole) -> None:
    found = hash_of(np.int64(load64(row + 8 * NAME)), np.int64(load64(row + 8 * NAME_LENGTH)), seed)
    store64(row + 8 * HASH, np.int64(found))


@compiled
def hash_names(rows: NDArray[np.int64], positions: NDArray[np.int64], seed: Whole) -> None:
    """Fill in the hashes of the customers' names of some rows."""
    first = address_of(rows)
    for place in range(positions.shape[0]):
        _hash_name(first + 8 * ROW_NUMBERS * positions[place], seed)
