"""When a notification is tried again, and when it is given up. Time is an argument."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum


class Failure(StrEnum):
    """Why a try has failed."""

    STATUS = "status"
    """The receiver answered with a status that is not 2xx."""

    GONE = "gone"
    """The receiver answered 410: it wants nothing more."""

    TIMEOUT = "timeout"
    """It did not answer in time."""

    CONNECTION = "connection"
    """It was not reached, or what it answered is no HTTP."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try.

    Args:
        failure: why it failed; None if the receiver has taken it.
        reason: the same in a few words.
        retry_after_seconds: how long the receiver asks to be left alone; 0 if it does not.
    """

    failure: Failure | None
    reason: str = ""
    retry_after_seconds: float = 0


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How tries follow each other.

    Args:
        first_pause_seconds: between the first two tries; each pause is twice as long as the one before.
        longest_pause_seconds: no pause is longer, also if the receiver asks for that.
        give_up_seconds: after the first try; from then on a failed try is the last one.
    """

    first_pause_seconds: float
    longest_pause_seconds: float
    give_up_seconds: float

    def pause_seconds(self, tries: int, jitter: float) -> float:
        """Return the pause after so many failed tries.

        Args:
            tries: at least one.
            jitter: at least 0 and below 1, drawn at random, so that what failed at once is not tried at once again.
        """
        # Beyond some sixty doublings every pause is the longest, and a float would overflow.
        longest = min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** min(tries - 1, 60))
        return longest * (0.5 + 0.5 * jitter)

    def asked_pause_seconds(self, outcome: Outcome) -> float:
        """Return for how long nothing is sent at all, because the receiver asks for it."""
        return min(outcome.retry_after_seconds, self.longest_pause_seconds)

    def is_last(self, outcome: Outcome, first_try_ms: int, now_ms: int) -> bool:
        """Say whether a notification is given up after a failed try."""
        return outcome.failure is Failure.GONE or now_ms - first_try_ms >= self.give_up_seconds * 1_000


def parse_retry_after(text: str, now_seconds: float) -> float:
    """Return the seconds that a `Retry-After` header asks for: a number of them, or a date; 0 for anything else."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        # More digits than any pause has: as good as for ever.
        return float(text[:12]) if len(text) <= 12 else float(10**12)
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, at.timestamp() - now_seconds)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
