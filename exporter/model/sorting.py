"""Sorting many items in pieces: one call that sorts a million would hold up every other thread until it is done."""

from collections.abc import Callable
from typing import Any, TypeVar

from sortedcontainers import SortedList

Item = TypeVar("Item")

# Some 20 ms each.
_PIECE = 25_000


def sorted_list(items: list[Any], key: Callable[[Any], Any] | None = None) -> "SortedList[Any]":
    """Return items as a sorted list; `items` is sorted by `key` on the way, if that is much faster to compare.

    Args:
        items: what is sorted, in place.
        key: an order that the natural one of the items agrees with.
    """
    for start in range(0, len(items), _PIECE):
        items[start : start + _PIECE] = sorted(items[start : start + _PIECE], key=key)
    # What is left are a few ordered runs, which are merged several times faster than they were sorted.
    items.sort(key=key)
    return SortedList(items)
