"""An event as CSV: `timestamp,customer,amount[,type[,id]]` without quotes."""

from typing import Any

import numpy as np

from billing.runtime.native.compiled import inlined
from billing.runtime.native.memory import Whole, load8
from processor.kernel.text import FAILED, amount, digits, name, type_words

_COMMA = 44


@inlined
def parse_csv(at: Whole, end: Whole, row: Any, types: Any) -> bool:
    """Fill in a row with what a line says; False leaves it to the exact path."""
    at, row[0] = digits(at, end)
    if at == FAILED or at >= end or load8(at) != _COMMA:
        return False
    start = at + 1
    at = name(start, end, _COMMA, False)
    if at <= start or at >= end:
        return False
    row[3], row[4] = start, at - start
    at, row[1] = amount(at + 1, end, True)
    if at == FAILED:
        return False
    row[2] = types[0, 2]
    row[6], row[7] = 0, 0
    if at == end:
        return True
    if load8(at) != _COMMA:
        return False
    at, first, second = type_words(at + 1, end, _COMMA)
    if at == FAILED:
        return False
    row[2] = slot_of(first, second, types)
    if row[2] < 0 or at == end:
        return bool(row[2] >= 0)
    start = at + 1
    at = name(start, end, _COMMA, True)
    row[6], row[7] = start, at - start
    return bool(at == end)


@inlined
def slot_of(first: Whole, second: Whole, types: Any) -> Whole:
    """Return the slot of a type by the words of its name, -1 if it is none that is known."""
    for index in range(types.shape[0]):
        if np.uint64(types[index, 0]) == first and np.uint64(types[index, 1]) == second:
            return np.int64(types[index, 2])
    return np.int64(-1)
