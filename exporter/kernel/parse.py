"""Reads records of subtotals where they lie: those of customers, in the form in which the processor writes them.

Any other record is left to :mod:`exporter.model.decoding`, which also says what is none.
"""

import numpy as np

from billing.runtime.native.compiled import compiled
from billing.runtime.native.memory import prefetch
from exporter.kernel.arrays import Bytes, Counts, Integers, NameArrays, ParsedArrays, Whole
from exporter.kernel.inlining import inlined
from exporter.kernel.names import add, find, has_room, hashed
from exporter.kernel.scan import FAILED, byte_at, eight_at, read_integer, read_month, read_natural, read_type, skip
from exporter.kernel.utf8 import is_utf8

OLD = 0
"""A record that was read before."""
PLAIN = 1
"""The sums of a customer and month."""
REST = 2
"""Anything else."""

_CUSTOMER = np.uint64(int.from_bytes(b"customer", "little"))
_HEAD, _MORE_HEAD = (np.uint64(int.from_bytes(text, "little")) for text in (b'{"v":1,"', b'types":{'))
_BAR, _COLON, _COMMA, _OPEN, _CLOSE, _END = (ord(character) for character in "|:,[]}")
_MOST_INPUTS = 1_000_000
_MOST_COUNT = 2**32 - 1
# So many records later, what was asked of the memory is there.
_AHEAD = 8


@compiled
def parse(
    block: tuple[Integers, Integers, Integers, Integers, Integers, Integers],
    first: Whole,
    next_offsets: Integers,
    names: NameArrays,
    seed: Whole,
    months: Integers,
    type_text: Bytes,
    type_ends: Integers,
    parsed: ParsedArrays,
) -> Whole:
    """Read the records of a block from `first` on, and return how far that went.

    It stops before a customer for whom the names have no room, and before a month without a number.

    Args:
        block: of each record, the partition, the offset, address and length of the value, address and length of the
            key; a length is -1 where there is none.
        first: where to begin.
        next_offsets: partition -> what lies below this offset was read before.
        names: the customers; new ones are added.
        seed: of the hash.
        months: number of a month -> YYYYMM.
        type_text: the names of the types, one behind the other.
        type_ends: where each of them ends.
        parsed: what is read; its sums are zeros before.
    """
    partitions, offsets, values, value_lengths, keys, key_lengths = block
    kinds, inputs, numbers, codes, totals, counts = parsed
    ahead = np.empty((_AHEAD, 4), np.int64)
    for following in range(first, partitions.shape[0] + _AHEAD):
        index = following - _AHEAD
        input_, month, name, tag = ahead[following % _AHEAD]
        if following < partitions.shape[0]:
            _look_ahead(keys[following], key_lengths[following], names, seed, ahead[following % _AHEAD])
        if index < first:
            continue
        if offsets[index] < next_offsets[partitions[index]]:
            kinds[index] = OLD
            continue
        kind = REST
        if name != FAILED:
            number, length = _number_of(months, month), keys[index] + key_lengths[index] - name
            code = find(names, name, length, tag)
            if number < 0 or (code < 0 and not has_room(names, length)):
                return index
            end = values[index] + value_lengths[index]
            is_plain = _read_value(values[index], end, type_text, type_ends, totals[index], counts[index])
            if is_plain and (code >= 0 or is_utf8(name, length)):
                kind = PLAIN
                inputs[index], numbers[index] = input_, number
                codes[index] = code if code >= 0 else add(names, name, length, tag)
        kinds[index] = kind
        next_offsets[partitions[index]] = offsets[index] + 1
    return partitions.shape[0]


@inlined
def _look_ahead(address: Whole, length: Whole, names: NameArrays, seed: Whole, ahead: Integers) -> None:
    """Read a key, and ask for the place where its name's code should be: memory is slow, and others come first."""
    slots = names[2]
    end = address + length
    input_, month, name = _read_key(address, end)
    tag = hashed(name, end - name, seed) if name != FAILED else np.int64(0)
    prefetch(np.int64(slots.ctypes.data) + slots.itemsize * (tag & (slots.shape[0] - 1)))
    ahead[0], ahead[1], ahead[2], ahead[3] = input_, month, name, tag


@inlined
def _read_key(address: Whole, end: Whole) -> tuple[Whole, Whole, Whole]:
    """Return input partition, month and where the name begins; FAILED for the last if it is another key."""
    if eight_at(address, end) != _CUSTOMER:
        return 0, 0, FAILED
    at = skip(address + 8, end, _BAR)
    if at == FAILED:
        return 0, 0, FAILED
    input_, at = read_natural(at, end)
    at = skip(at, end, _BAR)
    if at == FAILED or input_ >= _MOST_INPUTS:
        return 0, 0, FAILED
    month = read_month(at, end)
    at = skip(at + 7, end, _BAR)
    if month < 0 or at == end:
        return 0, 0, FAILED
    return input_, month, at


@inlined
def _read_value(
    address: Whole, end: Whole, type_text: Bytes, type_ends: Integers, totals: Integers, counts: Counts
) -> bool:
    """Read the sums of a value, and say whether it has the plain form and any events."""
    if eight_at(address, end) != _HEAD or eight_at(address + 8, end) != _MORE_HEAD:
        return False
    at, slot, has_events = address + 16, -1, False
    while True:
        slot, at = read_type(at, end, type_text, type_ends, slot + 1)
        at = skip(skip(at, end, _COLON), end, _OPEN)
        if at == FAILED:
            return False
        total, at = read_integer(at, end)
        at = skip(at, end, _COMMA)
        if at == FAILED:
            return False
        count, at = read_natural(at, end)
        at = skip(at, end, _CLOSE)
        if at == FAILED or count > _MOST_COUNT:
            return False
        if totals[slot] != 0 or counts[slot] != 0:
            return False
        totals[slot], counts[slot] = total, count
        has_events |= count > 0
        following = byte_at(at, end)
        at += 1
        if following == _END:
            return bool(has_events and at + 1 == end and byte_at(at, end) == _END)
        if following != _COMMA:
            return False


@inlined
def _number_of(months: Integers, month: Whole) -> Whole:
    for number in range(months.shape[0] - 1, -1, -1):
        if months[number] == month:
            return number
    return -1
