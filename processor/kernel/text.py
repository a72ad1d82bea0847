"""Numbers, names and hashes in bytes that lie somewhere in memory.

Each function takes the address where it begins and the end, exclusive; none looks at or behind the end. One that finds
something unusual gives `FAILED` in place of the address where it stopped.
"""

import numpy as np

from billing.event import MAX_CUSTOMER_CHARACTERS, MAX_ID_CHARACTERS
from billing.money import FRACTION_DIGITS, MAX_UNIT_DIGITS
from billing.runtime.native.compiled import inlined
from billing.runtime.native.memory import Whole, folded_product, load8, load64, trailing_zeros

FAILED = np.int64(-1)

# No text of so few bytes has too many characters.
SHORT_NAME_BYTES = min(MAX_CUSTOMER_CHARACTERS, MAX_ID_CHARACTERS)

_MOST_DIGITS = 15
_EIGHT_ZEROS = np.uint64(0x3030303030303030)
_HIGH_NIBBLES = np.uint64(0xF0F0F0F0F0F0F0F0)
_OVERFLOWING = np.uint64(0x0606060606060606)
_PAIRS, _FOURS = np.uint64(0x000000FF000000FF), np.uint64(0x000F424000000064)
_MUL_TENS, _MUL_ONES = np.uint64(10), np.uint64(0x0000271000000001)
_ONES, _HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_TENS = np.array([10**power for power in range(FRACTION_DIGITS + 1)], np.int64)
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
def amount(at: Whole, end: Whole, plus_allowed: Whole) -> tuple[Whole, Whole]:
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
    if at < end and load8(at) == 46:
        at += 1
        start = at
        while at < end:
            digit = np.int64(load8(at)) - 48
            if digit < 0 or digit > 9:
                break
            micros = micros * 10 + digit
            at += 1
            if at - start > FRACTION_DIGITS:
                return FAILED, micros
        if at == start:
            return FAILED, micros
        micros *= _TENS[FRACTION_DIGITS - (at - start)]
    else:
        micros *= _TENS[FRACTION_DIGITS]
    return at, (-micros if negative else micros)


@inlined
def name(at: Whole, end: Whole, stop: Whole, spaces_at_ends: Whole) -> Whole:
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
    behind_space = FAILED
    while at < last:
        if at + 8 <= end:
            special = _special(load64(at), stop)
            if special == np.uint64(0):
                at += 8
                continue
            at += trailing_zeros(special) >> 3
        byte = np.int64(load8(at))
        if byte == stop:
            break
        if byte < 128:
            if byte < 32 or byte == 127 or byte == 34 or (stop == 34 and byte == 92):
                return FAILED
            at += 1
            continue
        first = at == start
        at, point = _character(at, end, byte)
        if at < 0 or point < 0xA0 or point == 0x2028 or point == 0x2029:
            return FAILED
        if _is_space(point):
            behind_space = at
            if first and not spaces_at_ends:
                return FAILED
    if at - start > SHORT_NAME_BYTES or (at >= end and stop != 44):
        return FAILED
    if at > start and not spaces_at_ends and (load8(start) == 32 or load8(at - 1) == 32 or behind_space == at):
        return FAILED
    return at


@inlined
def _special(word: Whole, stop: Whole) -> Whole:
    """Return a word whose lowest bit that is set tells the first byte that is not an ordinary one of ASCII, 0 for none.

    Ordinary are printable characters but for quote, backslash and the byte `stop`.
    """
    stopped = _zeros(word ^ (_ONES * np.uint64(stop)))
    quoted = _zeros(word ^ (_ONES * np.uint64(34))) | _zeros(word ^ (_ONES * np.uint64(92)))
    deleted = _zeros(word ^ (_ONES * np.uint64(127)))
    control = (word - _ONES * np.uint64(32)) & ~word & _HIGH_BITS
    return stopped | quoted | deleted | control | (word & _HIGH_BITS)


@inlined
def _zeros(word: Whole) -> Whole:
    """Return a word whose lowest bit that is set tells the first byte that is zero, 0 for none."""
    return (word - _ONES) & ~word & _HIGH_BITS


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
def type_word(at: Whole, end: Whole, stop: Whole) -> tuple[Whole, Whole]:
    """Return where a type's name ends, and it in upper case as a word; one of more than eight bytes is unusual.

    At least six bytes of the record must lie before the name.
    """
    left = end - at
    if left >= 8:
        word = load64(at)
    elif left >= 2:
        word = load64(end - 8) >> np.uint64(8 * (8 - left))
    else:
        word = np.uint64(load8(at)) if left == 1 else np.uint64(0)
    length = min(left, trailing_zeros(_zeros(word ^ (_ONES * np.uint64(stop)))) >> 3)
    if length == 8 and left > 8 and load8(at + 8) != stop:
        return FAILED, word
    if length < 8:
        word &= (np.uint64(1) << np.uint64(8 * length)) - np.uint64(1)
        # A zero in it would be taken for its end.
        if trailing_zeros(_zeros(word)) >> 3 < length:
            return FAILED, word
    elif _zeros(word) != np.uint64(0):
        return FAILED, word
    letters = word & ~_HIGH_BITS
    lower = (letters + _ONES * np.uint64(128 - 97)) ^ (letters + _ONES * np.uint64(127 - 122))
    word ^= (lower & ~word & _HIGH_BITS) >> np.uint64(2)
    return (FAILED if word & _HIGH_BITS else at + length), word


@inlined
def hash_of(at: Whole, length: Whole, seed: Whole) -> Whole:
    """Return a hash of bytes. Who does not know the seed cannot make names that collide."""
    end = at + length
    mixed = folded_product(np.uint64(seed) ^ _KEY_A, np.uint64(length) ^ _KEY_B)
    while at + 8 < end:
        mixed = folded_product(load64(at) ^ _KEY_A, mixed ^ _KEY_B)
        at += 8
    return folded_product(_last(at, end, length) ^ _KEY_A, mixed ^ _KEY_B)


@inlined
def hash_twice(at: Whole, length: Whole, first_seed: Whole, second_seed: Whole) -> tuple[Whole, Whole]:
    """Return what :func:`hash_of` returns for two seeds: together they take little longer than one alone."""
    end = at + length
    start = np.uint64(length) ^ _KEY_B
    first = folded_product(np.uint64(first_seed) ^ _KEY_A, start)
    second = folded_product(np.uint64(second_seed) ^ _KEY_A, start)
    while at + 8 < end:
        word = load64(at) ^ _KEY_A
        first, second = folded_product(word, first ^ _KEY_B), folded_product(word, second ^ _KEY_B)
        at += 8
    word = _last(at, end, length) ^ _KEY_A
    return folded_product(word, first ^ _KEY_B), folded_product(word, second ^ _KEY_B)


@inlined
def _last(at: Whole, end: Whole, length: Whole) -> Whole:
    """Return the last eight bytes of a text, some of them once more; all of a shorter one."""
    if length >= 8:
        return load64(end - 8)
    tail, place = np.uint64(0), np.uint64(0)
    while at < end:
        tail |= np.uint64(load8(at)) << place
        place += np.uint64(8)
        at += 1
    return tail


@inlined
def same_bytes(left: Whole, right: Whole, length: Whole) -> bool:
    """Whether two texts of the same length are the same."""
    place = np.int64(0)
    while place + 8 < length:
        if load64(left + place) != load64(right + place):
            return False
        place += 8
    return bool(_last(left + place, left + length, length) == _last(right + place, right + length, length))
