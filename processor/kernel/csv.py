"""An event as CSV: `timestamp,customer,amount[,type[,id]]` without quotes."""

import numpy as np

from billing.runtime.native.compiled import inlined
from billing.runtime.native.memory import Whole, load8, load64, store64
from processor.kernel.rows import (
    ID,
    ID_LENGTH,
    MICROS,
    MS,
    NAME,
    NAME_LENGTH,
    REST,
    SLOT,
    TYPE_BYTES,
    TYPE_LENGTH,
    TYPE_SLOT,
    TYPE_WORD,
    TypePlaces,
)
from processor.kernel.text import FAILED, amount, digits, name, type_word

ALL_READ = np.int64(-1)

_COMMA = 44
_FIELDS_BEFORE_AMOUNT, _FIELDS_BEFORE_TYPE = np.int64(2), np.int64(3)


@inlined
def parse_csv(at: Whole, end: Whole, row: Whole, types: TypePlaces) -> Whole:
    """Fill in the row at an address with what a line says; what is not read to its end is left to the exact path.

    Returns:
        `ALL_READ`, or how many fields are surely right, with the address behind them in `REST`; 0: that is not known.
    """
    at, time = digits(at, end)
    if at == FAILED or at >= end or load8(at) != _COMMA:
        return 0
    store64(row + 8 * MS, time)
    start = at + 1
    at = name(start, end, _COMMA, False)
    if at <= start or at >= end:
        return 0
    store64(row + 8 * NAME, start)
    store64(row + 8 * NAME_LENGTH, at - start)
    start = at + 1
    store64(row + 8 * REST, start)
    at, micros = amount(start, end, True)
    if at == FAILED:
        return _FIELDS_BEFORE_AMOUNT
    store64(row + 8 * MICROS, micros)
    store64(row + 8 * ID_LENGTH, 0)
    if at == end:
        store64(row + 8 * SLOT, slot_of(0, 0, types))
        return ALL_READ
    if load8(at) != _COMMA:
        return _FIELDS_BEFORE_AMOUNT
    start = at + 1
    store64(row + 8 * REST, start)
    at, word = type_word(start, end, _COMMA)
    if at == FAILED:
        return _FIELDS_BEFORE_TYPE
    slot = slot_of(word, at - start, types)
    store64(row + 8 * SLOT, slot)
    if slot < 0:
        return _FIELDS_BEFORE_TYPE
    if at == end:
        return ALL_READ
    start = at + 1
    at = name(start, end, _COMMA, True)
    store64(row + 8 * ID, start)
    store64(row + 8 * ID_LENGTH, at - start)
    return ALL_READ if at == end else np.int64(0)


@inlined
def slot_of(word: Whole, length: Whole, types: TypePlaces) -> Whole:
    """Return the slot of a type by the word of its name, -1 if it is none that is known."""
    at = types.first
    for _ in range(types.count):
        if load64(at + 8 * TYPE_WORD) == np.uint64(word) and np.int64(load64(at + 8 * TYPE_LENGTH)) == length:
            return np.int64(load64(at + 8 * TYPE_SLOT))
        at += TYPE_BYTES
    return np.int64(-1)
