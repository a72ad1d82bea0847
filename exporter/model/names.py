"""Names in order, for search by their first letters."""

from collections.abc import Iterable, Iterator

from sortedcontainers import SortedList


class NameIndex:
    """A growing set of names, sorted when it is first read and kept so from then on.

    Args:
        names: those there are so far.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names: SortedList[str] = SortedList(names)

    def add(self, name: str) -> None:
        """Add a name that is not in it."""
        self._names.add(name)

    def remove(self, name: str) -> None:
        """Take a name out that is in it."""
        self._names.remove(name)

    def starting_with(self, prefix: str, after: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix` and come after `after`, in code point order."""
        names: Iterator[str] = self._names.irange(max(prefix, after), None)
        for name in names:
            if not name.startswith(prefix):
                return
            if name != after or not after:
                yield name
