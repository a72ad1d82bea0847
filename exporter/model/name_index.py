"""Names in order, for search by their first letters."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from heapq import merge
from typing import Any

import numpy as np

from exporter.kernel.arrays import Codes
from exporter.kernel.order import place_of
from exporter.model.name_order import by_name
from exporter.model.names import Names, as_bytes
from exporter.model.ordered import MOST_CHANGES_AT_ONCE
from exporter.model.run import Wanted

# Sorting anew beats keeping new names apart when there is more than one to so many.
_RESORT_SHARE = 8
_FIRST_PIECE, _MOST_PIECE = 16, 65_536
# No name has it, and all that begin with a prefix come before the prefix and this.
_HIGHEST_BYTE = b"\xff"


class NameIndex:
    """All names, sorted once and kept so from then on.

    Args:
        names: the names; more may come.
        base: the codes of the first names, sorted; None if they are not sorted yet.
    """

    def __init__(self, names: Names, base: Codes | None = None) -> None:
        self._names = names
        self._base = base
        # Names that came after those of the base, sorted.
        self._recent: Codes = np.zeros(0, np.int32)
        self._sorting = threading.Lock()

    def still(self) -> "NameIndex":
        """Return another index of the same names, which others need not wait for."""
        return NameIndex(self._names, self._base)

    @property
    def is_behind(self) -> bool:
        """Whether more names have come than can be entered at once."""
        return self._base is None or self._new_names() > MOST_CHANGES_AT_ONCE

    def bring_up(self, lock: AbstractContextManager[Any]) -> None:
        """Sort the names, holding `lock` only to take them in: names that are there do not change."""
        with self._sorting:
            base, recent = self._sorted()
            with lock:
                self._base, self._recent = base, recent

    def starting_with(self, prefix: str, after: str, wanted: Wanted) -> Iterator[str]:
        """Yield the names that begin with `prefix` and come after `after`, in code point order.

        Args:
            prefix: may be empty.
            after: nothing if empty.
            wanted: says which customers' names.
        """
        if self._base is None or self._new_names():
            self._base, self._recent = self._sorted()
        base, recent = (self._names_in(codes, prefix, after, wanted) for codes in (self._base, self._recent))
        return merge(base, recent) if len(self._recent) else base

    def _new_names(self) -> int:
        return len(self._names) - len(self._recent) - (0 if self._base is None else len(self._base))

    def _sorted(self) -> tuple[Codes, Codes]:
        count, old = len(self._names), self._base
        if old is None or count - len(old) > max(MOST_CHANGES_AT_ONCE, len(old) // _RESORT_SHARE):
            return self._by_name(0, count), np.zeros(0, np.int32)
        return old, self._by_name(len(old), count)

    def _by_name(self, first: int, end: int) -> Codes:
        return by_name(self._names, np.arange(first, end, dtype=np.int32))

    def _names_in(self, codes: Codes, prefix: str, after: str, wanted: Wanted) -> Iterator[str]:
        arrays, size = self._names.arrays, _FIRST_PIECE
        start = place_of(codes, arrays, as_bytes(max(prefix, after)))
        end = place_of(codes, arrays, as_bytes(prefix, _HIGHEST_BYTE))
        while start < end:
            piece = codes[start : min(start + size, end)]
            for name in self._names.texts(piece[wanted(piece)]):
                if name != after or not after:
                    yield name
            start, size = start + size, min(2 * size, _MOST_PIECE)
