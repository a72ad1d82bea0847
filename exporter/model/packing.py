"""Sums as tuples and as columns: the same numbers in two forms."""

from collections.abc import Sequence

import numpy as np

from billing.sums import Sums
from exporter.kernel.arrays import Integers, ParsedArrays
from exporter.kernel.sums import COUNT, LOWER, UPPER

_MOST_TOTAL = 2**63 - 1
_MOST_COUNT = 2**32 - 1


def pack(totals: Sequence[int], counts: Sequence[int]) -> Sums:
    """Return totals and counts by slot as a tuple."""
    flat = [0] * (2 * len(totals))
    flat[::2] = totals
    flat[1::2] = counts
    return tuple(flat)


def unpack(sums: Sums, width: int) -> tuple[list[int], list[int]]:
    """Return the totals and the counts of so many slots."""
    missing = [0] * (width - len(sums) // 2)
    return [*sums[::2], *missing], [*sums[1::2], *missing]


def fits(totals: Sequence[int], counts: Sequence[int]) -> bool:
    """Say whether columns can take these numbers."""
    return all(-_MOST_TOTAL <= total <= _MOST_TOTAL for total in totals) and all(
        0 <= count <= _MOST_COUNT for count in counts
    )


def sums_at(parsed: ParsedArrays, position: int) -> Sums:
    """Return the sums that were read at a position."""
    return pack(parsed.totals[position].tolist(), parsed.counts[position].tolist())


class Differences:
    """What kernels add up, see :mod:`exporter.kernel.sums`; `array` is theirs.

    Args:
        groups: how many sums are told apart.
        width: how many types there are.
    """

    def __init__(self, groups: int, width: int) -> None:
        self.array: Integers = np.zeros((groups, 3, width), np.int64)

    def sums(self, group: int) -> Sums:
        """Return one of them as sums, exact whatever their size."""
        upper, lower, counts = (self.array[group, part].tolist() for part in (UPPER, LOWER, COUNT))
        return pack([(high << 32) + low for high, low in zip(upper, lower, strict=True)], counts)
