"""The names of customers: each is kept once, in UTF-8, and has a code by which all else is kept."""

import os
from itertools import pairwise
from typing import Final

import numpy as np

from billing.runtime.native.pages import longer
from exporter.kernel.arrays import NONE, Bytes, Codes, NameArrays
from exporter.kernel.names import add_name, find_name, join_names, rehash

_FIRST_NAMES = 1_024
_FIRST_BYTES = 16 * _FIRST_NAMES


class Names:
    """All names that any record has told. One thread adds; others may look meanwhile.

    `seed` is of the hash, so that nobody can choose names that fall together.
    """

    def __init__(self) -> None:
        self.seed: Final = int.from_bytes(os.urandom(7), "little")
        self._arrays = NameArrays(
            np.zeros(_FIRST_BYTES, np.uint8),
            np.zeros(_FIRST_NAMES + 1, np.int64),
            np.full(2 * _FIRST_NAMES, NONE, np.int64),
            np.zeros(1, np.int64),
        )

    def __len__(self) -> int:
        return int(self._arrays.sizes[0])

    @property
    def arrays(self) -> NameArrays:
        """The names as kernels take them."""
        return self._arrays

    def find(self, name: str) -> int:
        """Return the code of a name, -1 if no record has told it."""
        return int(find_name(self._arrays, as_bytes(name), self.seed))

    def add(self, name: str) -> int:
        """Return the code of a name, a new one if no record has told it."""
        text = as_bytes(name)
        while (code := int(add_name(self._arrays, text, self.seed))) == NONE:
            self.make_room(len(text))
        return code

    def text(self, code: int) -> str:
        """Return the name of a code."""
        return self.texts(np.array([code], np.int32))[0]

    def texts(self, codes: Codes) -> list[str]:
        """Return the names of some codes."""
        arrays = self._arrays
        ends = np.cumsum(arrays.starts[codes + 1] - arrays.starts[codes])
        joined = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
        join_names(arrays, codes, joined)
        text, bounds = joined.tobytes(), pairwise([0, *ends.tolist()])
        if text.isascii():
            # One decoding for all: where a character is a byte, places are the same.
            decoded = text.decode("ascii")
            return [decoded[start:end] for start, end in bounds]
        return [text[start:end].decode("utf-8", "surrogatepass") for start, end in bounds]

    def make_room(self, length: int) -> None:
        """Make room for a further name of so many bytes."""
        text, starts, slots, sizes = self._arrays
        count = int(sizes[0])
        used = int(starts[count])
        if used + length > len(text):
            text = longer(text, used, 7 * len(text) + length)
        if count + 1 >= len(starts):
            starts = longer(starts, count + 1, 7 * len(starts))
        if 4 * (count + 1) > 3 * len(slots):
            old, slots = slots, np.full(2 * len(slots), NONE, np.int64)
            rehash(old, slots)
        self._arrays = NameArrays(text, starts, slots, sizes)


def as_bytes(name: str, more: bytes = b"") -> Bytes:
    """Return a name as kernels take it. What a query may hold and no record does is taken too, and never found."""
    return np.frombuffer(name.encode("utf-8", "surrogatepass") + more, np.uint8)
