"""Whose credentials are looked at next, when more come than can be looked at.

Whoever guesses shows other credentials each time; whoever has the right ones shows the same again. So of one address
those that have asked most often are next, and addresses take turns. When the line is full, the address that has most
in it gives one up: of those that have asked least often, the newest.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator


class WaitingLine:
    """Credentials that wait, by the address that they came from. Not safe for threads.

    Args:
        room: how many may wait.
        remembered: of how many credentials that gave way it is known how often they have asked.
    """

    def __init__(self, room: int, remembered: int) -> None:
        self._room = room
        self._remembered = remembered
        self._asked: OrderedDict[bytes, int] = OrderedDict()
        self._waiting: OrderedDict[str, deque[bytes]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return (key for keys in self._waiting.values() for key in keys)

    def ask(self, key: bytes) -> None:
        """Note that these credentials ask, be they in the line or not."""
        self._asked[key] = self._asked.pop(key, 0) + 1
        if len(self._asked) > self._remembered:
            self._asked.popitem(last=False)

    def add(self, key: bytes, address: str) -> bytes | None:
        """Let credentials wait that do not yet; return those that give way, if any: perhaps these.

        Args:
            key: of the credentials.
            address: where they came from.
        """
        self._waiting.setdefault(address, deque()).append(key)
        self._length += 1
        if self._length <= self._room:
            return None
        crowded = max(reversed(self._waiting), key=lambda one: len(self._waiting[one]))
        # The newest of those that have asked least often.
        leaving = min(reversed(self._waiting[crowded]), key=self._times)
        self._remove(leaving, crowded)
        return leaving

    def take(self) -> bytes:
        """Return the credentials that are next, which wait no longer.

        Raises:
            StopIteration: none wait.
        """
        address = next(iter(self._waiting))
        self._waiting.move_to_end(address)
        chosen = max(self._waiting[address], key=self._times)
        self._remove(chosen, address)
        return chosen

    def forget(self, key: bytes) -> None:
        """Forget how often credentials have asked."""
        self._asked.pop(key, None)

    def _times(self, key: bytes) -> int:
        return self._asked.get(key, 0)

    def _remove(self, key: bytes, address: str) -> None:
        self._waiting[address].remove(key)
        self._length -= 1
        if not self._waiting[address]:
            del self._waiting[address]
