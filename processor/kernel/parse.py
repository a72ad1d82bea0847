"""Reads records into rows of numbers, and leaves what is unusual to the exact path.

A row has eight numbers: event time in milliseconds, amount in micros, the type's slot, address and length of the
customer's name, its hash, address and length of the id. A slot of :data:`NO_EVENT` says that there is nothing to sum.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.event import EventRules
from billing.event_time import FIRST_MICROSECOND_TIMESTAMP
from billing.local_time import MS_PER_SECOND
from billing.period import FIRST_MS_TIMESTAMP
from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole, load8
from processor.kernel.csv import parse_csv
from processor.kernel.json import parse_json, skip_space
from processor.kernel.text import hash_of

ROW_NUMBERS = 8
MS, MICROS, SLOT, NAME, NAME_LENGTH, HASH, ID, ID_LENGTH = range(ROW_NUMBERS)
NO_EVENT = -1

_MOST_TYPE_BYTES = 16


def type_rows(rules: EventRules) -> NDArray[np.int64]:
    """Return the types as the kernel finds them: two words of the name, and the slot; the default's first, no name."""
    rows = [_type_row(b"", rules.types.index(rules.default_type))]
    for slot, name in enumerate(rules.types):
        if len(name) <= _MOST_TYPE_BYTES and name.isascii():
            rows.append(_type_row(name.encode(), slot))
    return np.array(rows, np.int64)


def _type_row(name: bytes, slot: int) -> Sequence[int]:
    words = [int.from_bytes(part, "little") for part in (name[:8], name[8:])]
    return [*(word - 2**64 if word >= 2**63 else word for word in words), slot]


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
        types: what :func:`type_rows` gives.
        limits: the longest record in bytes, the earliest and the latest event time in milliseconds.
        seed: of the hashes.
        rows: what is filled in, a row for each record.
        rest: what is filled in, ascending.

    Returns:
        How many are left.
    """
    left = 0
    for index in range(values.shape[0]):
        row = rows[index]
        if lengths[index] <= 0 or lengths[index] > limits[0] or not _parse(values[index], lengths[index], row, types):
            taken = False
        else:
            taken = _in_time(row, limits[1], limits[2])
        if taken:
            row[5] = np.int64(hash_of(row[3], row[4], seed))
        else:
            row[2] = NO_EVENT
            rest[left] = index
            left += 1
    return left


@inlined
def _parse(at: Whole, length: Whole, row: Any, types: Any) -> bool:
    end = at + length
    start = skip_space(at, end)
    if start < end and load8(start) == 123:
        return parse_json(start, end, row, types)
    # Line ends around a line do not count; spaces do.
    while at < end and (load8(at) == 10 or load8(at) == 13):
        at += 1
    while end > at and (load8(end - 1) == 10 or load8(end - 1) == 13):
        end -= 1
    return parse_csv(at, end, row, types)


@inlined
def _in_time(row: Any, earliest_ms: Whole, latest_ms: Whole) -> bool:
    """Make the event time milliseconds; whether it is allowed."""
    if row[0] >= FIRST_MICROSECOND_TIMESTAMP:
        return False
    if row[0] < FIRST_MS_TIMESTAMP:
        row[0] *= MS_PER_SECOND
    return bool(earliest_ms <= row[0] <= latest_ms)


@compiled
def hash_names(rows: NDArray[np.int64], positions: NDArray[np.int64], seed: Whole) -> None:
    """Fill in the hashes of the customers' names of some rows."""
    for place in range(positions.shape[0]):
        row = rows[positions[place]]
        row[5] = np.int64(hash_of(row[3], row[4], seed))
