"""How long events take from Kafka to here."""

from collections.abc import Callable

from billing.clock import Clock, SystemClock
from billing.subtotal import Progress


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

    def note(self, progress: Progress) -> None:
        """Take note of a progress record that has just become visible."""
        if progress.oldest_record_ms >= 0:
            self.newest_seconds = max(0, self._clock.now_ms() - progress.oldest_record_ms) / 1_000
            self._observe(self.newest_seconds)
