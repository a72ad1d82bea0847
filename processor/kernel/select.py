"""Finds what is asked for among many records: one customer's rows, values that may name it, keys by how they begin."""

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole, load8
from processor.kernel.rows import MS, NAME, NAME_LENGTH, NO_EVENT, SLOT
from processor.kernel.text import same_bytes

_QUOTE, _BACKSLASH = 34, 92


@compiled
def rows_of_customer(
    rows: NDArray[np.int64], name: Whole, length: Whole, start_ms: Whole, end_ms: Whole, found: NDArray[np.int64]
) -> Whole:
    """Put the positions of one customer's events into `found`, ascending.

    Args:
        rows: what :func:`processor.kernel.parse.parse_records` filled in.
        name: the address of the customer's name.
        length: the name's length in bytes.
        start_ms: the earliest event time, inclusive.
        end_ms: the latest event time, exclusive.
        found: what is filled in; it must have room for all rows.

    Returns:
        How many there are.
    """
    count = 0
    for index in range(rows.shape[0]):
        row = rows[index]
        if row[SLOT] == NO_EVENT or row[NAME_LENGTH] != length or row[MS] < start_ms or row[MS] >= end_ms:
            continue
        if same_bytes(row[NAME], name, length):
            found[count] = index
            count += 1
    return count


@compiled
def values_naming(
    values: NDArray[np.int64], lengths: NDArray[np.int64], name: Whole, length: Whole, found: NDArray[np.int64]
) -> Whole:
    """Put the positions of the values that may name a customer into `found`, ascending: all that do are among them.

    A value does if it holds the name, or if names may be written otherwise in it: with a backslash or doubled quotes.

    Args:
        values: the addresses of the records' values.
        lengths: how long they are; -1 is a record without one.
        name: the address of the customer's name.
        length: the name's length in bytes.
        found: what is filled in; it must have room for all values.

    Returns:
        How many there are.
    """
    count = 0
    for index in range(values.shape[0]):
        if _may_name(values[index], values[index] + lengths[index], name, length):
            found[count] = index
            count += 1
    return count


@inlined
def _may_name(start: Whole, end: Whole, name: Whole, length: Whole) -> bool:
    first = load8(name)
    at = start
    while at < end:
        byte = load8(at)
        if byte == _BACKSLASH or (byte == _QUOTE and at + 1 < end and load8(at + 1) == _QUOTE):
            return True
        if byte == first and at + length <= end and same_bytes(at, name, length):
            return True
        at += 1
    return False


@compiled
def keys_between(
    keys: NDArray[np.int64],
    lengths: NDArray[np.int64],
    beginning: Whole,
    beginning_length: Whole,
    ending: Whole,
    ending_length: Whole,
    found: NDArray[np.int64],
) -> Whole:
    """Put the positions of the keys that begin with one text and end with another into `found`, ascending.

    Args:
        keys: the addresses of the keys.
        lengths: how long they are; -1 is a record without one.
        beginning: the address of how a key begins.
        beginning_length: its length in bytes.
        ending: the address of how a key ends.
        ending_length: its length in bytes.
        found: what is filled in; it must have room for all keys.

    Returns:
        How many there are.
    """
    count = 0
    for index in range(keys.shape[0]):
        length = lengths[index]
        if length < beginning_length + ending_length:
            continue
        end = keys[index] + length
        if same_bytes(keys[index], beginning, beginning_length) and same_bytes(
            end - ending_length, ending, ending_length
        ):
            found[count] = index
            count += 1
    return count
