"""Customers in an order that does not change: by a number, lowest first, then by name."""

from collections.abc import Callable, Iterator

import numpy as np

from exporter.kernel.arrays import Codes, Integers
from exporter.kernel.order import place_of, sort_by_key
from exporter.model.name_order import order_ties
from exporter.model.names import Names, as_bytes

# What is read of a run at first, and at most, at once: few ask for more than the first ten.
_FIRST_PIECE, _MOST_PIECE = 16, 8_192

# Says of customers which of them are wanted.
Wanted = Callable[[Codes], "np.ndarray[tuple[int], np.dtype[np.bool_]]"]
# Number, then name.
Entry = tuple[int, str]


class Run:
    """Sorted customers. It takes 12 bytes for each.

    Args:
        names: all names.
        codes: the customers.
        keys: the number of each.
    """

    def __init__(self, names: Names, codes: Codes, keys: Integers) -> None:
        self._names = names
        self._keys, self.codes = keys.copy(), codes.copy()
        sort_by_key(self._keys, self.codes, np.empty_like(keys), np.empty_like(codes))
        order_ties(names, self._keys, self.codes)

    def __len__(self) -> int:
        return len(self.codes)

    def first(self, most: int) -> tuple[list[int], list[str]]:
        """Return the numbers and the names of so many customers."""
        return self._keys[:most].tolist(), self._names.texts(self.codes[:most])

    def entries(self, after: Entry | None, wanted: Wanted) -> Iterator[Entry]:
        """Yield those that are wanted and come after an entry, which may be there or not."""
        return self._entries(0 if after is None else self._behind(after), wanted)

    def _entries(self, start: int, wanted: Wanted) -> Iterator[Entry]:
        size = _FIRST_PIECE
        while start < len(self.codes):
            codes, keys = self.codes[start : start + size], self._keys[start : start + size]
            kept = wanted(codes)
            yield from zip(keys[kept].tolist(), self._names.texts(codes[kept]), strict=True)
            start, size = start + size, min(2 * size, _MOST_PIECE)

    def _behind(self, after: Entry) -> int:
        key, name = after
        first, end = (self._place(key, side) for side in ("left", "right"))
        same = self.codes[first:end]
        place = place_of(same, self._names.arrays, as_bytes(name))
        is_there = place < len(same) and self._names.text(int(same[place])) == name
        return first + int(place) + is_there

    def _place(self, key: int, side: str) -> int:
        if not -(2**63) <= key < 2**63:
            return 0 if key < 0 else len(self._keys)
        return int(np.searchsorted(self._keys, np.int64(key), "left" if side == "left" else "right"))
