"""Names in order, for search by their first letters."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from sortedcontainers import SortedList

from exporter.model.lent_dict import LentDict
from exporter.model.sorting import sorted_list


class NameIndex:
    """A set of names, sorted once and kept so from then on.

    Args:
        names: has the names as its keys; whoever changes them tells this.
    """

    def __init__(self, names: LentDict[str, Any]) -> None:
        self._names = names
        self._sorted: SortedList[str] | None = None
        # What happens while the names are being sorted: (whether it is new, name).
        self._changes: list[tuple[bool, str]] = []
        self._sorting = threading.Lock()

    @property
    def is_behind(self) -> bool:
        """Whether the names have not been sorted yet."""
        return self._sorted is None

    def bring_up(self, lock: AbstractContextManager[Any]) -> None:
        """Sort the names, holding `lock` at the beginning and at the end."""
        with self._sorting:
            if self._sorted is not None:
                return
            with lock:
                self._changes.clear()
                names = self._names.lend()
            found = sorted_list(list(names))
            with lock:
                if self._sorted is not None:
                    return
                self._sorted = found
                for is_new, name in self._changes:
                    self._enter(found, is_new, name)
                self._changes.clear()

    def add(self, name: str) -> None:
        """Add a name that is not in it."""
        self._note(True, name)

    def remove(self, name: str) -> None:
        """Take a name out that is in it."""
        self._note(False, name)

    def starting_with(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix` and come after `after`, in code point order."""
        if self._sorted is None:
            self._sorted = sorted_list(list(self._names.now))
            self._changes.clear()
        names: Iterator[str] = self._sorted.irange(max(prefix, after), None)
        for name in names:
            if not name.startswith(prefix):
                return
            if name != after or not after:
                yield name

    def _note(self, is_new: bool, name: str) -> None:
        if self._sorted is None:
            self._changes.append((is_new, name))
        else:
            self._enter(self._sorted, is_new, name)

    def _enter(self, names: "SortedList[str]", is_new: bool, name: str) -> None:
        if is_new:
            names.add(name)
        else:
            names.remove(name)
