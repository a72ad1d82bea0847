"""An event as a flat JSON object: the known fields in any order, each once, without escapes."""

import numpy as np

from billing.runtime.native.compiled import inlined
from billing.runtime.native.memory import Whole, load8, store64
from processor.kernel.csv import slot_of
from processor.kernel.rows import ID, ID_LENGTH, MICROS, MS, NAME, NAME_LENGTH, SLOT, TypePlaces
from processor.kernel.text import FAILED, amount, digits, name, type_word

_QUOTE, _COLON, _COMMA, _CLOSE, _ZERO = 34, 58, 44, 125, 48

# The names of the fields as the low bytes of a word, and the bytes behind them.
_TIMESTAMP, _CUSTOMER, _AMOUNT, _TYPE, _ID = (
    (np.uint64(int.from_bytes(field[:8], "little")), np.uint64(int.from_bytes(field[8:], "little")))
    for field in (b"timestamp", b"customer", b"amount", b"type", b"id")
)
"""The names as two words each."""
_SEEN_TIMESTAMP, _SEEN_CUSTOMER, _SEEN_AMOUNT, _SEEN_TYPE, _SEEN_ID = 1, 2, 4, 8, 16
_NEEDED = _SEEN_TIMESTAMP | _SEEN_CUSTOMER | _SEEN_AMOUNT


@inlined
def skip_space(at: Whole, end: Whole) -> Whole:
    """Return where something other than JSON's white space comes, or the end."""
    while at < end:
        byte = load8(at)
        if byte != 32 and byte != 10 and byte != 13 and byte != 9:
            break
        at += 1
    return at


@inlined
def parse_json(at: Whole, end: Whole, row: Whole, types: TypePlaces) -> bool:
    """Fill in the row at an address with what an object says that begins here; False leaves it to the exact path."""
    store64(row + 8 * SLOT, slot_of(0, 0, types))
    store64(row + 8 * ID_LENGTH, 0)
    seen = 0
    at += 1
    while True:
        at = skip_space(at, end)
        if at >= end or load8(at) != _QUOTE:
            return False
        at, first, second = _field_words(at + 1, end)
        if at == FAILED:
            return False
        at = skip_space(at + 1, end)
        if at >= end or load8(at) != _COLON:
            return False
        at = skip_space(at + 1, end)
        at, field = _value(at, end, first, second, row, types)
        if at == FAILED or seen & field:
            return False
        seen |= field
        at = skip_space(at, end)
        if at >= end:
            return False
        byte = load8(at)
        at += 1
        if byte == _CLOSE:
            break
        if byte != _COMMA:
            return False
    return bool(seen & _NEEDED == _NEEDED and skip_space(at, end) == end)


@inlined
def _field_words(at: Whole, end: Whole) -> tuple[Whole, Whole, Whole]:
    """Return where a field's name ends, and its bytes as two words."""
    first, second, start = np.uint64(0), np.uint64(0), at
    while at < end:
        byte = np.uint64(load8(at))
        if byte == np.uint64(_QUOTE):
            return at, first, second
        place = at - start
        if place == 9 or byte < np.uint64(32):
            break
        if place < 8:
            first |= byte << np.uint64(8 * place)
        else:
            second |= byte << np.uint64(8 * (place - 8))
        at += 1
    return FAILED, first, second


@inlined
def _value(at: Whole, end: Whole, first: Whole, second: Whole, row: Whole, types: TypePlaces) -> tuple[Whole, Whole]:
    """Read the value of a field into the row; return where it ends, and the field's bit."""
    if at >= end:
        return FAILED, 0
    quoted = load8(at) == _QUOTE
    start = at + 1 if quoted else at
    if first == _TIMESTAMP[0] and second == _TIMESTAMP[1]:
        at, time = digits(start, end)
        store64(row + 8 * MS, time)
        return _number_end(start, at, end, quoted), _SEEN_TIMESTAMP
    if second != np.uint64(0):
        return FAILED, 0
    if first == _AMOUNT[0]:
        at, micros = amount(start, end, quoted)
        store64(row + 8 * MICROS, micros)
        return _number_end(start, at, end, quoted), _SEEN_AMOUNT
    if not quoted:
        return FAILED, 0
    if first == _CUSTOMER[0]:
        at = name(start, end, _QUOTE, False)
        store64(row + 8 * NAME, start)
        store64(row + 8 * NAME_LENGTH, at - start)
        return (at + 1 if at > start else FAILED), _SEEN_CUSTOMER
    if first == _TYPE[0]:
        at, word = type_word(start, end, _QUOTE)
        slot = slot_of(word, at - start, types)
        store64(row + 8 * SLOT, slot)
        return (at + 1 if start <= at < end and slot >= 0 else FAILED), _SEEN_TYPE
    if first == _ID[0]:
        at = name(start, end, _QUOTE, True)
        store64(row + 8 * ID, start)
        store64(row + 8 * ID_LENGTH, at - start)
        return (FAILED if at == FAILED else at + 1), _SEEN_ID
    return FAILED, 0


@inlined
def _number_end(start: Whole, at: Whole, end: Whole, quoted: bool) -> Whole:
    """Return where the value that a number ends at `at` ends: behind the quote, if there is one."""
    if at == FAILED or at >= end:
        return FAILED
    if quoted:
        return at + 1 if load8(at) == _QUOTE else FAILED
    # JSON's numbers have no zeros in front, and end where they end: not with a letter or another point.
    if load8(start) == 45:
        start += 1
    if load8(start) == _ZERO and at > start + 1 and load8(start + 1) != 46:
        return FAILED
    byte = load8(at)
    ends = byte in (_COMMA, _CLOSE)
    return at if ends or skip_space(at, at + 1) > at else FAILED
