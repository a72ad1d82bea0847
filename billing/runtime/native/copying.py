"""Copies of many texts that lie in memory, made at once: in Python's bytes, or one behind the other."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled
from billing.runtime.native.memory import load8

Integers = NDArray[np.int64]
Joined = tuple[object, Integers, Integers]
"""What holds some texts, where in memory each lies, and how long it is; one that there is not has the length -1."""


def gathered(addresses: Integers, lengths: Integers) -> Joined:
    """Return copies of texts, one behind the other."""
    out, ends = _copied(addresses, lengths)
    return out, out.ctypes.data + ends - np.maximum(lengths, 0), lengths


def copies(addresses: Integers, lengths: Integers) -> list[bytes | None]:
    """Return a copy of each text, None for one whose length is -1."""
    out, ends = _copied(addresses, lengths)
    data = out.tobytes()
    found: list[bytes | None] = [data[start:end] for start, end in pairwise([0, *ends.tolist()])]
    for index in np.flatnonzero(lengths < 0).tolist():
        found[index] = None
    return found


def _copied(addresses: Integers, lengths: Integers) -> tuple[NDArray[np.uint8], Integers]:
    """Return texts one behind the other, and where each ends."""
    ends = np.cumsum(np.maximum(lengths, 0))
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    copy_all(addresses, lengths, out)
    return out, ends


def first_bytes(addresses: Integers, lengths: Integers) -> NDArray[np.int16]:
    """Return the first byte of each text, -1 for one that has none."""
    out = np.full(len(addresses), -1, np.int16)
    find_first_bytes(addresses, lengths, out)
    return out


@compiled
def copy_all(addresses: Integers, lengths: Integers, out: NDArray[np.uint8]) -> None:
    """Write texts one behind the other."""
    at = 0
    for index in range(addresses.shape[0]):
        address = addresses[index]
        for place in range(lengths[index]):
            out[at + place] = load8(address + place)
        at += max(0, lengths[index])


@compiled
def find_first_bytes(addresses: Integers, lengths: Integers, out: NDArray[np.int16]) -> None:
    """Write the first byte of each text that has one."""
    for index in range(addresses.shape[0]):
        if lengths[index] > 0:
            out[index] = load8(addresses[index])
