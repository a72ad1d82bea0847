"""Numbers, names and hashes in bytes that lie somewhere in memory.

Each function takes the address where it begins and the end, exclusive; none looks at or behind the end. One that finds
something unusual gives `FAILED` in place of the address where it stopped.
"""

import numpy as np

from billing.event import MAX_CUSTOMER_CHARACTERS, MAX_ID_CHARACTERS
from billing.money import FRACTION_DIGITS, MAX_UNIT_DIGITS
from billing.runtime.native.compiled import inlined
from billing.runtime.native.memory import Whole, folded_product, load8, load64

FAILED = np.int64(-1)

# No text of so few bytes has too many characters.
SHORT_NAME_BYTES = min(MAX_CUSTOMER_CHARACTERS, MAX_ID_CHARACTERS)

_MOST_DIGITS = 15
_EIGHT_ZEROS = np.uint64(0x3030303030303030)
_HIGH_NIBBLES = np.uint64(0xF0F0F0F0F0F0F0F0)
_OVERFLOWING = np.uint64(0x0606060606060606)
_PAIRS, _FOURS = np.uint64(0x000000FF000000FF), np.uint64(0x000F424000000064)
_MUL_TENS, _MUL_ONES = np.uint64(10), np.uint64(0x0000271000000001)
_KEY_A, _KEY_B = np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)


@inlined
def digits(at: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Return where a number of 1 to 15 digits ends, and the number."""
    value = np.int64(0)
    start = at
    if at + 8 <= end:
        eight = load64(at)
        nibbles = (eight & _HIGH_NIBBLES) | (((eight + _OVERFLOWING) & _HIGH_NIBBLES) >> np.uint64(4))
        if nibbles == np.uint64(0x3333333333333333):
            # Eight digits at once: pairs, fours, all (the first digit is the lowest byte).
            eight -= _EIGHT_ZEROS
            eight = eight * _MUL_TENS + (eight >> np.uint64(8))
            high = (eight & _PAIRS) * _FOURS
            low = ((eight >> np.uint64(16)) & _PAIRS) * _MUL_ONES
            value = np.int64((high + low) >> np.uint64(32))
            at += 8
    while at < end:
        digit = np.int64(load8(at)) - 48
        if digit < 0 or digit > 9:
            break
        if at - start >= _MOST_DIGITS:
            return FAILED, value
        value = value * 10 + digit
        at += 1
    return (at if at > start else FAILED), value


@inlined
def amount(at: Whole, end: Whole, plus_allowed: bool) -> tuple[Whole, Whole]:
    """Return where an amount ends, and its micros: up to twelve digits, and up to six behind a point."""
    negative = False
    if at < end:
        first = load8(at)
        negative = first == 45
        if negative or (plus_allowed and first == 43):
            at += 1
    start, micros = at, np.int64(0)
    while at < end:
        digit = np.int64(load8(at)) - 48
        if digit < 0 or digit > 9:
            break
        micros = micros * 10 + digit
        at += 1
        if at - start > MAX_UNIT_DIGITS:
            return FAILED, micros
    if at == start:
        return FAILED, micros
    fraction = 0
    if at < end and load8(at) == 46:
        at += 1
        while at < end:
            digit = np.int64(load8(at)) - 48
            if digit < 0 or digit > 9:
                break
            micros = micros * 10 + digit
            at += 1
            fraction += 1
            if fraction > FRACTION_DIGITS:
                return FAILED, micros
        if fraction == 0:
            return FAILED, micros
    while fraction < FRACTION_DIGITS:
        micros *= 10
        fraction += 1
    return at, (-micros if negative else micros)


@inlined
def name(at: Whole, end: Whole, stop: Whole, spaces_at_ends: bool) -> Whole:
    """Return where a text ends that a byte `stop` follows or, for a comma, the end; at most 200 bytes long.

    It holds valid UTF-8 without control characters, separators of lines, quotes or, for a quote as `stop`, backslashes.

    Args:
        at: where it begins.
        end: where the record ends.
        stop: the byte behind it.
        spaces_at_ends: whether it may begin or end with a space of any kind.
    """
    start = at
    last = min(end, at + SHORT_NAME_BYTES + 1)
    space = False
    while at < last:
        byte = np.int64(load8(at))
        if byte == stop:
            break
        first = at == start
        if byte < 128:
            if byte < 32 or byte == 127 or byte == 34 or (stop == 34 and byte == 92):
                return FAILED
            space = byte == 32
            at += 1
        else:
            at, point = _character(at, end, byte)
            if at < 0 or point < 0xA0 or point == 0x2028 or point == 0x2029:
                return FAILED
            space = _is_space(point)
        if first and space and not spaces_at_ends:
            return FAILED
    if at - start > SHORT_NAME_BYTES or (space and not spaces_at_ends):
        return FAILED
    if at == end and stop != 44:
        return FAILED
    return at


@inlined
def _character(at: Whole, end: Whole, byte: Whole) -> tuple[Whole, Whole]:
    """Return where a character beyond ASCII ends, and its number: RFC 3629, so none spelled too long, no surrogates."""
    if byte < 0xC2 or byte > 0xF4:
        return FAILED, 0
    more = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
    if at + more >= end:
        return FAILED, 0
    point = byte & (0x3F >> more)
    for place in range(1, more + 1):
        following = np.int64(load8(at + place))
        if following & 0xC0 != 0x80:
            return FAILED, 0
        point = (point << 6) | (following & 0x3F)
    if more == 2 and (point < 0x800 or 0xD800 <= point <= 0xDFFF):
        return FAILED, 0
    if more == 3 and (point < 0x10000 or point > 0x10FFFF):
        return FAILED, 0
    return at + more + 1, point


@inlined
def _is_space(point: Whole) -> bool:
    """Whether Python's `str.strip` takes a character beyond ASCII away; those that are control characters left out."""
    if point < 0x1680:
        return bool(point == 0xA0)
    return bool(point == 0x1680 or 0x2000 <= point <= 0x200A or point == 0x202F or point == 0x205F or point == 0x3000)


@inlined
def type_words(at: Whole, end: Whole, stop: Whole) -> tuple[Whole, Whole, Whole]:
    """Return where a type's name ends, and it in upper case as two words; names of more than 16 bytes are unusual."""
    first, second, start = np.uint64(0), np.uint64(0), at
    while at < end:
        byte = np.uint64(load8(at))
        if byte == np.uint64(stop):
            break
        place = at - start
        if place == 16 or byte < np.uint64(32) or byte >= np.uint64(128):
            return FAILED, first, second
        if np.uint64(97) <= byte <= np.uint64(122):
            byte -= np.uint64(32)
        if place < 8:
            first |= byte << np.uint64(8 * place)
        else:
            second |= byte << np.uint64(8 * (place - 8))
        at += 1
    return at, first, second


@inlined
def hash_of(at: Whole, length: Whole, seed: Whole) -> Whole:
    """Return a hash of bytes. Who does not know the seed cannot make names that collide."""
    end = at + length
    mixed = folded_product(np.uint64(seed) ^ _KEY_A, np.uint64(length) ^ _KEY_B)
    while at + 8 <= end:
        mixed = folded_product(load64(at) ^ _KEY_A, mixed ^ _KEY_B)
        at += 8
    tail, place = np.uint64(0), np.uint64(0)
    while at < end:
        tail |= np.uint64(load8(at)) << place
        place += np.uint64(8)
        at += 1
    return folded_product(tail ^ _KEY_A, mixed ^ _KEY_B)


@inlined
def same_bytes(left: Whole, right: Whole, length: Whole) -> bool:
    """Whether two texts of the same length are the same."""
    place = np.int64(0)
    while place + 8 <= length:
        if load64(left + place) != load64(right + place):
            return False
        place += 8
    while place < length:
        if load8(left + place) != load8(right + place):
            return False
        place += 1
    return True
