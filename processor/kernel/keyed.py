"""Which partition a customer's records go to: the one that Kafka's clients choose for the name as a record's key."""

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole, load8, load32
from processor.kernel.rows import NAME, NAME_LENGTH, NO_EVENT, SLOT

_SEED, _FACTOR, _MASK = np.uint64(0x9747B28C), np.uint64(0x5BD1E995), np.uint64(0xFFFFFFFF)
_POSITIVE = np.uint64(0x7FFFFFFF)
_R13, _R15, _R24 = np.uint64(13), np.uint64(15), np.uint64(24)
UNPLACED = -1
"""Of a row that holds no event."""


@inlined
def _murmur2(at: Whole, length: Whole) -> Whole:
    """Return Kafka's 32-bit hash of a text, as an unsigned number."""
    found = (_SEED ^ np.uint64(length)) & _MASK
    end = at + (length & ~np.int64(3))
    while at < end:
        word = np.uint64(load32(at)) & _MASK
        word = (word * _FACTOR) & _MASK
        word ^= word >> _R24
        found = ((found * _FACTOR) & _MASK) ^ ((word * _FACTOR) & _MASK)
        at += 4
    left = length & 3
    if left > 0:
        for place in range(left):
            found ^= np.uint64(load8(at + place)) << np.uint64(8 * place)
        found = (found * _FACTOR) & _MASK
    found ^= found >> _R13
    found = (found * _FACTOR) & _MASK
    return found ^ (found >> _R15)


@inlined
def _partition_of(at: Whole, length: Whole, partitions: Whole) -> Whole:
    return np.int64((_murmur2(at, length) & _POSITIVE) % np.uint64(partitions))


@compiled
def place_rows(rows: NDArray[np.int64], partitions: Whole, targets: NDArray[np.int64]) -> None:
    """Fill in the partition of each row's customer, `UNPLACED` where the row holds no event.

    Args:
        rows: what :func:`processor.kernel.parse.parse_records` filled in.
        partitions: how many there are.
        targets: what is filled in, one for each row.
    """
    for index in range(rows.shape[0]):
        row = rows[index]
        targets[index] = UNPLACED if row[SLOT] == NO_EVENT else _partition_of(row[NAME], row[NAME_LENGTH], partitions)


@compiled
def place_names(
    addresses: NDArray[np.int64], lengths: NDArray[np.int64], partitions: Whole, targets: NDArray[np.int64]
) -> None:
    """Fill in the partition of each name."""
    for index in range(addresses.shape[0]):
        targets[index] = _partition_of(addresses[index], lengths[index], partitions)
