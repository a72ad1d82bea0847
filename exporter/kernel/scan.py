"""Steps of reading text where it lies. Each takes an address and the end, and looks at no byte from the end on."""

import numpy as np

from billing.runtime.native.memory import load8, load64
from exporter.kernel.arrays import Bytes, Integers, Whole
from exporter.kernel.inlining import inlined
from exporter.kernel.names import is_same

# 10^18 - 1 fits into 63 bits.
_MOST_DIGITS = 18
_ZERO, _NINE, _MINUS, _DASH, _QUOTE = 48, 57, 45, 45, 34

FAILED = 0
"""The address that says: it is not there."""


@inlined
def byte_at(address: Whole, end: Whole) -> Whole:
    """Return the byte at an address, 0 from the end on."""
    return np.int64(load8(address)) if address < end else 0


@inlined
def eight_at(address: Whole, end: Whole) -> Whole:
    """Return eight bytes at an address, the first one lowest; 0 if they reach beyond the end."""
    return load64(address) if address + 8 <= end else np.uint64(0)


@inlined
def skip(address: Whole, end: Whole, byte: Whole) -> Whole:
    """Return the address behind a byte, FAILED if another one is there or the address is FAILED."""
    return address + 1 if address != FAILED and byte_at(address, end) == byte else FAILED


@inlined
def read_natural(address: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Return a plain number of 1 to 18 digits, and the address behind it; FAILED if none is there."""
    value, digits, start = np.int64(0), 0, address
    while digits <= _MOST_DIGITS and _ZERO <= byte_at(address, end) <= _NINE:
        value = value * 10 + (byte_at(address, end) - _ZERO)
        address += 1
        digits += 1
    has_leading_zero = digits > 1 and byte_at(start, end) == _ZERO
    if digits == 0 or digits > _MOST_DIGITS or has_leading_zero:
        return np.int64(0), FAILED
    return value, address


@inlined
def read_integer(address: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Return the same with a minus sign if there is one; `-0` is none."""
    if byte_at(address, end) != _MINUS:
        return read_natural(address, end)
    value, behind = read_natural(address + 1, end)
    return (-value, behind) if value != 0 else (np.int64(0), FAILED)


@inlined
def read_month(address: Whole, end: Whole) -> Whole:
    """Return the number of the month written ``YYYY-MM`` at an address, YYYYMM; -1 if it has another form."""
    if address + 7 > end or load8(address + 4) != _DASH:
        return -1
    number = np.int64(0)
    for place in range(7):
        digit = np.int64(load8(address + place)) - _ZERO
        if place == 4:
            continue
        if not 0 <= digit <= 9:
            return -1
        number = number * 10 + digit
    return number


@inlined
def read_type(address: Whole, end: Whole, text: Bytes, ends: Integers, hint: Whole) -> tuple[Whole, Whole]:
    """Return the slot of the type that is quoted at an address, and the address behind; FAILED if it is not known.

    Args:
        address: of the first quote.
        end: of all.
        text: the names of the types, one behind the other; one that is empty here is never found.
        ends: where each of them ends.
        hint: the slot to try first.
    """
    if byte_at(address, end) != _QUOTE:
        return 0, FAILED
    slots, slot = ends.shape[0], hint
    for _ in range(slots):
        slot = slot if slot < slots else 0
        start = ends[slot - 1] if slot > 0 else 0
        length = ends[slot] - start
        if length > 0 and byte_at(address + 1 + length, end) == _QUOTE and is_same(text, start, address + 1, length):
            return slot, address + length + 2
        slot += 1
    return 0, FAILED
