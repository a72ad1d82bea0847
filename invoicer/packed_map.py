"""A map from small integers to bytes in little memory: the accounts keeps millions of entries that rarely change."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

# A dict entry with its bytes object costs about 150 bytes more than its content, a packed one 12.
_MIN_RECENT = 20_000


class PackedMap:
    """A map from integers of 0 to 2^32-1 to bytes.

    Most entries lie packed: keys sorted in one array, the ends of their values in another, the values in a row.
    Recent changes lie in a dict over them, which is packed in when it has grown to a quarter of the rest.
    """

    def __init__(self) -> None:
        self._keys = array("I")
        self._ends = array("Q")
        self._values = b""
        self._recent: dict[int, bytes] = {}

    def get(self, key: int) -> bytes | None:
        """Return the value of `key`, None if it has none."""
        value = self._recent.get(key)
        if value is not None:
            return value
        place = bisect_left(self._keys, key)
        if place == len(self._keys) or self._keys[place] != key:
            return None
        return self._values[self._ends[place - 1] if place else 0 : self._ends[place]]

    def put(self, key: int, value: bytes) -> None:
        """Set the value of `key`."""
        self._recent[key] = value
        if len(self._recent) > max(_MIN_RECENT, len(self._keys) // 4):
            self.pack()

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Yield keys and values in the order of the keys. The map must not change meanwhile."""
        recent = sorted(self._recent.items(), reverse=True)
        start = 0
        for key, end in zip(self._keys, self._ends, strict=True):
            while recent and recent[-1][0] < key:
                yield recent.pop()
            if recent and recent[-1][0] == key:
                yield recent.pop()
            else:
                yield key, self._values[start:end]
            start = end
        yield from reversed(recent)

    def pack(self) -> None:
        """Pack all entries."""
        keys, ends, values = array("I"), array("Q"), bytearray()
        for key, value in self.items():
            values += value
            keys.append(key)
            ends.append(len(values))
        self._keys, self._ends, self._values, self._recent = keys, ends, bytes(values), {}
