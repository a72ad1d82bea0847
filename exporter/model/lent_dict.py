"""A dict that can be lent: whoever has it keeps it as it was then, and it is copied only once it is to change."""

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class LentDict(Generic[Key, Value]):
    """Copies itself before the first change after it was lent. It is not thread-safe.

    `now` is the newest state: read it, do not change it.
    """

    def __init__(self, now: dict[Key, Value] | None = None) -> None:
        self.now: dict[Key, Value] = {} if now is None else now
        self._is_lent = False

    def lend(self) -> dict[Key, Value]:
        """Return the state of now, which does not change any more."""
        self._is_lent = True
        return self.now

    def changing(self) -> dict[Key, Value]:
        """Return the dict to change."""
        if self._is_lent:
            self.now, self._is_lent = dict(self.now), False
        return self.now

    def still(self) -> "LentDict[Key, Value]":
        """Return another one, of the state of now. It costs nothing until one of the two changes."""
        copy = LentDict(self.lend())
        copy.lend()
        return copy
