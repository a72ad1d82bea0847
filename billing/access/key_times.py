"""When keys of an identity provider are read again, and how long they may be relied on."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class KeyTimes:
    """All in seconds.

    Args:
        refresh_seconds: how old keys become before they are read again, though nobody asks for others.
        pause_seconds: between two tries, whatever the reason: tokens with keys that are made up cause no more of them.
        keep_seconds: how old keys may become while the provider does not answer.
    """

    refresh_seconds: float
    pause_seconds: float
    keep_seconds: float

    def is_due(self, now: float, tried: float | None, read: float | None) -> bool:
        """Say whether to read keys, without being asked for any.

        Args:
            now: of a clock that never goes back.
            tried: when the last try began; None if there was none.
            read: when the keys in use were read; None if there are none.
        """
        return self.may_try(now, tried) and (read is None or now - read >= self.refresh_seconds)

    def may_try(self, now: float, tried: float | None) -> bool:
        """Say whether keys may be read because a token names one that is not known."""
        return tried is None or now - tried >= self.pause_seconds

    def is_too_old(self, now: float, read: float) -> bool:
        """Say whether keys are too old to rely on: one of them may have been withdrawn meanwhile."""
        return now - read > self.keep_seconds


# Providers publish a new key some time before they sign with it. Tokens rarely last longer than an hour, so that keys
# are of little use for longer than that after their provider has gone.
OF_ADDRESS = KeyTimes(refresh_seconds=300, pause_seconds=15, keep_seconds=7_200)
# Nobody but the operator changes a file, and one that is gone or torn says nothing of the keys.
OF_FILE = KeyTimes(refresh_seconds=10, pause_seconds=2, keep_seconds=math.inf)
