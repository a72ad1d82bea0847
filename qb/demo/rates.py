"""Events per second by type and customer, from counts that begin anew with each month."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

WINDOW_SECONDS = 5.0


@dataclass
class Rates:
    """Remembers the counts of the last few seconds.

    The counts are of the newest month: when another month begins they begin at zero, as of the last look before.
    """

    _month: str | None = None
    _looks: deque[tuple[float, Mapping[str, int]]] = field(default_factory=deque)

    def observe(self, now: float, month: str | None, counts: Mapping[str, int]) -> None:
        """Take note of the counts of `month` at `now`, on the monotonic clock in seconds."""
        if month != self._month:
            last = self._looks[-1][0] if self._looks and self._month is not None else None
            self._looks = deque() if last is None else deque([(last, {})])
            self._month = month
        self._looks.append((now, counts))
        while len(self._looks) > 2 and self._looks[1][0] <= now - WINDOW_SECONDS:
            self._looks.popleft()

    def per_second(self, name: str) -> float | None:
        """Return the rate over the window; None before there have been two looks."""
        if len(self._looks) < 2:
            return None
        (then, before), (now, counts) = self._looks[0], self._looks[-1]
        if now <= then or (before and name not in before):
            return None
        return max(0.0, (counts.get(name, 0) - before.get(name, 0)) / (now - then))
