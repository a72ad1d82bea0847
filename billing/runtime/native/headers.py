"""Headers of many records, read without an object for each: where they change, and one of a known length."""

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.client import Library
from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole, load8

Integers = NDArray[np.int64]
Bits = NDArray[np.bool_]

# Of a record that has more headers it is said that they differ.
MOST_HEADERS = 8
# The list of headers; a name, a value and its size, as the library writes them.
_LIST, _NAME, _VALUE, _SIZE = range(4)


@lru_cache(maxsize=1)
def header_functions(library: Library) -> tuple[Any, Any]:
    """Return the functions that find a message's headers and one of these, as compiled code calls them."""
    number, address = ctypes.c_int32, ctypes.c_int64
    find = ctypes.cast(library.rd_kafka_message_headers, ctypes.CFUNCTYPE(number, address, address))
    get = ctypes.cast(
        library.rd_kafka_header_get_all, ctypes.CFUNCTYPE(number, address, address, address, address, address)
    )
    return find, get


def have_headers(pointers: Integers, functions: tuple[Any, Any]) -> Bits:
    """Return which messages have headers."""
    found = np.empty(len(pointers), np.bool_)
    find_any(pointers, functions[0], np.zeros(1, np.int64), found)
    return found


def header_starts(pointers: Integers, functions: tuple[Any, Any]) -> Integers:
    """Return which messages have other headers than the one before; the first one is always among them."""
    is_start = np.empty(len(pointers), np.bool_)
    words, seen = np.zeros(4, np.int64), np.zeros((2, MOST_HEADERS, 4), np.int64)
    find_starts(pointers, *functions, words, seen, is_start)
    return np.flatnonzero(is_start)


def last_values(pointers: Integers, name: str, length: int, library: Library) -> tuple[NDArray[np.uint8], Bits]:
    """Return the value of the last header of a name of each message, as a row of bytes, and which have one so long."""
    number, address = ctypes.c_int32, ctypes.c_int64
    find, _ = header_functions(library)
    get = ctypes.cast(library.rd_kafka_header_get_last, ctypes.CFUNCTYPE(number, address, address, address, address))
    values, there = np.zeros((len(pointers), length), np.uint8), np.zeros(len(pointers), np.bool_)
    text = ctypes.c_char_p(name.encode())
    find_last(pointers, ctypes.cast(text, ctypes.c_void_p).value or 0, find, get, np.zeros(3, np.int64), values, there)
    return values, there


@compiled
def find_any(pointers: Integers, find: Any, words: Integers, found: Bits) -> None:
    """Note which messages have headers.

    Args:
        pointers: the messages.
        find: rd_kafka_message_headers.
        words: room for what the library writes.
        found: what is filled in.
    """
    place = words.ctypes.data
    for index in range(pointers.shape[0]):
        found[index] = find(pointers[index], place) == 0


@compiled
def find_last(
    pointers: Integers,
    name: Whole,
    find: Any,
    get: Any,
    words: Integers,
    values: NDArray[np.uint8],
    there: NDArray[np.bool_],
) -> None:
    """Copy the last header of a name of each message that has one of the length of a row of `values`.

    Args:
        pointers: the messages.
        name: the address of the name, which ends with a byte 0.
        find: rd_kafka_message_headers.
        get: rd_kafka_header_get_last.
        words: room for what the library writes: the list, a value, its length.
        values: what is filled in.
        there: what is filled in: which messages have it.
    """
    place, length = words.ctypes.data, values.shape[1]
    for index in range(pointers.shape[0]):
        if find(pointers[index], place) != 0 or get(words[0], name, place + 8, place + 16) != 0:
            continue
        if words[1] == 0 or words[2] != length:
            continue
        there[index] = True
        for at in range(length):
            values[index, at] = load8(words[1] + at)


@compiled
def find_starts(
    pointers: Integers, find: Any, get: Any, words: Integers, seen: NDArray[np.int64], is_start: NDArray[np.bool_]
) -> None:
    """Compare the headers of each message with those of the one before.

    Args:
        pointers: the messages.
        find: rd_kafka_message_headers.
        get: rd_kafka_header_get_all.
        words: where the library writes to.
        seen: room for the headers of two messages.
        is_start: where it is noted whether they differ.
    """
    place, before = words.ctypes.data, -1
    for index in range(pointers.shape[0]):
        ours, count = seen[index % 2], 0
        if find(pointers[index], place) == 0:
            while count <= MOST_HEADERS and get(words[_LIST], count, place + 8, place + 16, place + 24) == 0:
                if count < MOST_HEADERS:
                    ours[count] = words
                count += 1
        is_start[index] = (
            index == 0 or count > MOST_HEADERS or count != before or not _are_same(ours, seen[1 - index % 2], count)
        )
        before = count


@inlined
def _are_same(ours: NDArray[np.int64], theirs: NDArray[np.int64], count: Whole) -> Whole:
    for header in range(count):
        size = ours[header, _SIZE]
        if size != theirs[header, _SIZE] or (ours[header, _VALUE] == 0) != (theirs[header, _VALUE] == 0):
            return False
        if not _are_equal(ours[header, _VALUE], theirs[header, _VALUE], size if ours[header, _VALUE] != 0 else 0):
            return False
        length = _text_length(ours[header, _NAME])
        # With the byte that ends it.
        if not _are_equal(ours[header, _NAME], theirs[header, _NAME], length + 1):
            return False
    return True


@inlined
def _text_length(address: Whole) -> Whole:
    length = 0
    while load8(address + length) != 0:
        length += 1
    return length


@inlined
def _are_equal(left: Whole, right: Whole, length: Whole) -> Whole:
    """Whether two texts are alike. The first difference ends it, so none is read beyond its end."""
    place = 0
    while place < length and load8(left + place) == load8(right + place):
        place += 1
    return place >= length
