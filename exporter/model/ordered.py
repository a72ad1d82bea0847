"""What an order of customers needs to be read: it is brought up to date piece by piece, never in one long hold."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

# So many changes are entered under one hold of the lock: some 10 ms.
MOST_CHANGES_AT_ONCE = 1_000


class Ordered(Protocol):
    """An order that is kept up to date."""

    @property
    def is_behind(self) -> bool:
        """Whether reading it now would take long."""
        ...

    def bring_up(self, lock: AbstractContextManager[Any]) -> None:
        """Make reading it quick, holding the lock of all that it reads for short times only."""
        ...


class BehindError(Exception):
    """An order must be brought up to date before it can be read at once."""

    def __init__(self, order: Ordered) -> None:
        super().__init__("an order of customers is behind")
        self.order = order


class NotNowError(Exception):
    """The question cannot be answered without waiting."""


class NotWantedError(Exception):
    """Nobody waits for the answer any more."""


class HeavyQuestionError(Exception):
    """The answer takes long: ask it of a state that stands still, without holding anything up."""
