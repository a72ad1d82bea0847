"""Notices when a topic that has more to read gives nothing any more."""

import time
from collections.abc import Callable, Mapping

from billing.errors import OperatorError

# Longer than a transaction of a processor or invoicer that died stays open.
STALL_SECONDS = 120.0


class StallWatch:
    """Told how far a topic is read, whether or not anything came.

    Args:
        clock: seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reached: Mapping[int, int] = {}
        self._moved = clock()

    def note(self, topic: str, reached: Mapping[int, int]) -> None:
        """Note how far a topic is read, by partition.

        Raises:
            OperatorError: nothing has come for a long time.
        """
        now = self._clock()
        if reached != self._reached:
            self._reached, self._moved = dict(reached), now
        elif now - self._moved > STALL_SECONDS:
            raise OperatorError(
                f"topic {topic} can't be read to its end: a broker is away or a transaction stays open; try again"
            )
