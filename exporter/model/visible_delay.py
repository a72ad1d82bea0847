"""How long events take from Kafka to here.

A record's time may be the producer's, and so anything: a phone that was offline stamps its records hours back. What
bounds it from below is what the broker tells: records behind the end of a partition, as it was when it was asked, came
after that. So a wrong stamp makes a delay longer by the time between two questions at most.
"""

from collections import deque
from collections.abc import Callable, Mapping

from billing.clock import Clock, SystemClock
from billing.subtotal import Progress

# Of each partition, so many of the newest answers are kept: minutes, at a question per second.
KEPT_ANSWERS = 600


class VisibleDelay:
    """Measures each commit that becomes visible: from Kafka taking its oldest record to now.

    Args:
        observe: told of each delay, in seconds.
        clock: the wall clock.

    `newest_seconds` is the newest delay; None before the first.
    """

    def __init__(self, observe: Callable[[float], None], clock: Clock | None = None) -> None:
        self.newest_seconds: float | None = None
        self._observe = observe
        self._clock = clock or SystemClock()
        # Input partition -> (when the broker was asked, in milliseconds; the end that it told), oldest first.
        self._answers: dict[int, deque[tuple[int, int]]] = {}

    def saw_ends(self, asked_ms: int, ends: Mapping[int, int]) -> None:
        """Remember where input partitions ended when the broker was asked. May be called from another thread.

        Args:
            asked_ms: the wall clock before the question, in milliseconds.
            ends: the end of each input partition, as far as there are records.
        """
        for partition, end in ends.items():
            self._answers.setdefault(partition, deque(maxlen=KEPT_ANSWERS)).append((asked_ms, end))

    def note(self, partition: int, counted_from: int, progress: Progress) -> None:
        """Take note of a progress record that has just become visible.

        Args:
            partition: its input partition.
            counted_from: the offset up to which the one before it had counted.
            progress: the new one.
        """
        if progress.oldest_record_ms >= 0:
            taken_ms = max(progress.oldest_record_ms, self._taken_after_ms(partition, counted_from))
            self.newest_seconds = max(0, self._clock.now_ms() - taken_ms) / 1_000
            self._observe(self.newest_seconds)

    def _taken_after_ms(self, partition: int, counted_from: int) -> int:
        """Return a time after which Kafka has taken every record from an offset on; -1 if none is known."""
        answers = self._answers.get(partition)
        if answers is None:
            return -1
        return max((asked_ms for asked_ms, end in answers.copy() if end <= counted_from), default=-1)
