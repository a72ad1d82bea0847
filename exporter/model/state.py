"""The life of the read model: which states it goes through and what each means to whoever asks."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether the numbers are known. Only :attr:`READY` shows any."""

    CATCHING_UP = "catching_up"
    """The topics have not been read to their ends yet."""

    READY = "ready"
    """The numbers are known, as of the newest whole commits."""

    UNKNOWN_VERSION = "unknown_version"
    """A record of a version that this program does not know came; going on would be guessing."""

    OTHER_TIME_ZONE = "other_time_zone"
    """The newest sums of a partition are by the months and hours of another zone than the one that is set."""

    OTHER_CURRENCY = "other_currency"
    """An issued invoice is in another currency than the one that is set: every amount would be under a wrong name."""

    STOPPED = "stopped"
    """The reading of the topics has ended; the process is about to end too."""


@dataclass(eq=False)
class NotKnownError(Exception):
    """The numbers are not known: unknown is not zero.

    Args:
        state: why.
        message: the same in a sentence.
        retry_after_seconds: when it is worth asking again.
    """

    state: State
    message: str
    retry_after_seconds: int

    def __str__(self) -> str:
        return self.message
