"""Names and their codes: an open hash table over the bytes of all names."""

import numpy as np

from billing.runtime.native.compiled import compiled
from billing.runtime.native.memory import folded_product, load8, load64
from exporter.kernel.arrays import Bytes, Codes, Integers, NameArrays, Whole
from exporter.kernel.inlining import inlined

_TAG_SHIFT = 32


@inlined
def hashed(address: Whole, length: Whole, seed: Whole) -> Whole:
    """Return 31 bits of the hash of some bytes."""
    first, second = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xE7037ED1A0B428DB)
    value = np.uint64(seed) ^ np.uint64(length)
    end = address + length
    while address + 8 <= end:
        value = folded_product(value ^ load64(address), first)
        address += 8
    last, shift = np.uint64(0), np.uint64(0)
    while address < end:
        last |= np.uint64(load8(address)) << shift
        shift += np.uint64(8)
        address += 1
    value = folded_product(value ^ last, second)
    return np.int64(value >> np.uint64(33))


@inlined
def find(names: NameArrays, address: Whole, length: Whole, tag: Whole) -> Whole:
    """Return the code of a name, -1 if it is not known. `tag` is its hash."""
    text, starts, slots, _ = names
    mask = slots.shape[0] - 1
    at = tag & mask
    while True:
        entry = slots[at]
        if entry < 0:
            return -1
        if entry >> _TAG_SHIFT == tag:
            code = entry & 0xFFFFFFFF
            start = starts[code]
            if starts[code + 1] - start == length and is_same(text, start, address, length):
                return code
        at = (at + 1) & mask


@inlined
def is_same(text: Bytes, start: Whole, address: Whole, length: Whole) -> bool:
    """Say whether the same bytes lie at a place of a text and at an address."""
    place = 0
    while place < length and text[start + place] == load8(address + place):
        place += 1
    return bool(place == length)


@inlined
def has_room(names: NameArrays, length: Whole) -> bool:
    """Say whether a further name of so many bytes can be added: three quarters of the table are used at most."""
    text, starts, slots, sizes = names
    count = sizes[0]
    fits = starts[count] + length <= text.shape[0] and count + 1 < starts.shape[0]
    return bool(fits and 4 * (count + 1) <= 3 * slots.shape[0])


@inlined
def add(names: NameArrays, address: Whole, length: Whole, tag: Whole) -> Whole:
    """Add a name that is not known, and return its code. There must be room.

    Whoever looks meanwhile finds the whole name or none: its entry in the table comes last.
    """
    text, starts, slots, sizes = names
    code = sizes[0]
    start = starts[code]
    for place in range(length):
        text[start + place] = load8(address + place)
    starts[code + 1] = start + length
    sizes[0] = code + 1
    enter(slots, tag << _TAG_SHIFT | code)
    return code


@inlined
def enter(slots: Integers, entry: Whole) -> None:
    """Put an entry into a hash table that has room."""
    mask = slots.shape[0] - 1
    at = (entry >> _TAG_SHIFT) & mask
    while slots[at] >= 0:
        at = (at + 1) & mask
    slots[at] = entry


@compiled
def find_name(names: NameArrays, name: Bytes, seed: Whole) -> Whole:
    """Return the code of a name, -1 if it is not known."""
    address, length = np.int64(name.ctypes.data), name.shape[0]
    return find(names, address, length, hashed(address, length, seed))


@compiled
def add_name(names: NameArrays, name: Bytes, seed: Whole) -> Whole:
    """Return the code of a name, which is added if it is not known; -1 if there is no room for it."""
    address, length = np.int64(name.ctypes.data), name.shape[0]
    tag = hashed(address, length, seed)
    code = find(names, address, length, tag)
    if code >= 0 or not has_room(names, length):
        return code
    return add(names, address, length, tag)


@compiled
def rehash(old: Integers, new: Integers) -> None:
    """Put all entries of a hash table into an empty larger one."""
    for at in range(old.shape[0]):
        if old[at] >= 0:
            enter(new, old[at])


@compiled
def join_names(names: NameArrays, codes: Codes, joined: Bytes) -> None:
    """Put the names of some codes one behind the other."""
    text, starts, _, _ = names
    at = 0
    for code in codes:
        for place in range(starts[code], starts[code + 1]):
            joined[at] = text[place]
            at += 1
