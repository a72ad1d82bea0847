"""Customers as others see them: names, and the sums of a month by name."""

from collections.abc import Collection, ItemsView, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.pages import longer
from billing.sums import Sums
from exporter.kernel.arrays import Codes
from exporter.model.columns import MonthColumns
from exporter.model.names import Names

_PIECE = 1_024


class KnownNames(Collection[str]):
    """The names of all customers that have been shown, without those that are known from records not shown yet.

    Args:
        names: all names.
        is_known: code -> whether it is among them.
    """

    def __init__(self, names: Names, is_known: NDArray[np.bool_] | None = None) -> None:
        self._names = names
        self._is_known = np.zeros(0, np.bool_) if is_known is None else is_known

    def __len__(self) -> int:
        return int(np.count_nonzero(self._is_known))

    def __contains__(self, name: object) -> bool:
        code = self._names.find(name) if isinstance(name, str) else -1
        return 0 <= code < len(self._is_known) and bool(self._is_known[code])

    def __iter__(self) -> Iterator[str]:
        return texts(self._names, np.flatnonzero(self._is_known).astype(np.int32))

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Code -> whether that customer is known; those behind its end are not."""
        return self._is_known

    def add(self, codes: Codes | int) -> None:
        """Take customers in."""
        used = len(self._is_known)
        if len(self._names) > used:
            self._is_known = longer(self._is_known, used, len(self._names) - used + len(self._names) // 8 + _PIECE)
        self._is_known[codes] = True

    def still(self) -> "KnownNames":
        """Return those of now; they do not change any more."""
        return KnownNames(self._names, self._is_known.copy())


class MonthCustomers(Mapping[str, Sums]):
    """The customers of a month, in the order in which they came, and their sums.

    Args:
        names: all names.
        columns: the sums.
    """

    def __init__(self, names: Names, columns: MonthColumns) -> None:
        self._names = names
        self._columns = columns

    def __getitem__(self, name: str) -> Sums:
        sums = self._columns.sums(self._names.find(name))
        if sums is None:
            raise KeyError(name)
        return sums

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._columns.has(self._names.find(name))

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[str]:
        return texts(self._names, self._columns.codes())

    def items(self) -> ItemsView[str, Sums]:
        """Return the customers with their sums, which is much faster than asking for each."""
        return _Items(self, self._names, self._columns)


class _Items(ItemsView[str, Sums]):
    def __init__(self, customers: MonthCustomers, names: Names, columns: MonthColumns) -> None:
        super().__init__(customers)
        self._names = names
        self._columns = columns

    def __iter__(self) -> Iterator[tuple[str, Sums]]:
        for codes, sums in self._columns.pieces():
            yield from zip(self._names.texts(codes), sums, strict=True)


def texts(names: Names, codes: Codes) -> Iterator[str]:
    """Yield the names of some codes."""
    for start in range(0, len(codes), _PIECE):
        yield from names.texts(codes[start : start + _PIECE])
