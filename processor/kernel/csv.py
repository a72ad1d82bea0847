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
    SLOT,
    TYPE_BYTES,
    TYPE_LENGTH,
    TYPE_SLOT,
    TYPE_WORD,
    TypePlaces,
)
from processor.kernel.text import FAILED, amount, digits, name, type_word

_COMMA = 44


@inlined
def parse_csv(at: Whole, end: Whole, row: Whole, types: TypePlaces) -> bool:
    """Fill in the row at an address with what a line says; False leaves it to the exact path."""
    at, time = digits(at, end)
    if at == FAILED or at >= end or load8(at) != _COMMA:
        return False
    store64(row + 8 * MS, time)
    start = at + 1
    at = name(start, end, _COMMA, False)
    if at <= start or at >= end:
        return False
    store64(row + 8 * NAME, start)
    store64(row + 8 * NAME_LENGTH, at - start)
    at, micros = amount(at + 1, end, True)
    if at == FAILED:
        return False
    store64(row + 8 * MICROS, micros)
    store64(row + 8 * ID_LENGTH, 0)
    if at == end:
        store64(row + 8 * SLOT, slot_of(0, 0, types))
        return True
    if load8(at) != _COMMA:
        return False
    start = at + 1
    at, word = type_word(start, end, _COMMA)
    if at == FAILED:
        return False
    slot = slot_of(word, at - start, types)
    store64(row + 8 * SLOT, slot)
    if slot < 0 or at == end:
        return bool(slot >= 0)
    start = at + 1
    at = name(start, end, _COMMA, True)
    store64(row + 8 * ID, start)
    store64(row + 8 * ID_LENGTH, at - start)
    return bool(at == end)


@inlined
def slot_of(word: Whole, length: Whole, types: TypePlaces) -> Whole:
    """Return the slot of a type by the word of its name, -1 if it is none that is known."""
    at = types.first
    for _ in range(types.count):
        if load64(at + 8 * TYPE_WORD) == np.uint64(word) and np.int64(load64(at + 8 * TYPE_LENGTH)) == length:
            return np.int64(load64(at + 8 * TYPE_SLOT))
        at += TYPE_BYTES
    return np.int64(-1)
