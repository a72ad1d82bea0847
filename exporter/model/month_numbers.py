"""Months and the numbers by which columns know them: 0, 1, 2 in the order in which they came."""

import re

import numpy as np

from exporter.kernel.arrays import Integers

_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
_NOT_PLAIN = -1


class MonthNumbers:
    """One thread gives numbers; others may look meanwhile."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._plain: Integers = np.zeros(0, np.int64)

    @property
    def plain(self) -> Integers:
        """Number -> YYYYMM, as kernels take it; -1 for what is not written ``YYYY-MM``."""
        return self._plain

    def of(self, month: str) -> int:
        """Return the number of a month, a new one if it has none."""
        number = self._numbers.get(month)
        if number is None:
            number = len(self._names)
            self._names.append(month)
            self._plain = np.append(self._plain, _plain(month))
            self._numbers[month] = number
        return number

    def name(self, number: int) -> str:
        """Return the month that has a number."""
        return self._names[number]


def _plain(month: str) -> int:
    return int(month.replace("-", "")) if _PLAIN.fullmatch(month) else _NOT_PLAIN
