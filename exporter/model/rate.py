"""How fast a counter grows, over a window of time that slides."""

from collections import deque


class Rate:
    """The growth of a counter by the second.

    Args:
        window_seconds: over how long.
    """

    def __init__(self, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now_seconds: float, count: int) -> None:
        """Take a reading of the counter."""
        self._samples.append((now_seconds, count))
        # The newest reading before the window tells what the counter was when the window began.
        while len(self._samples) > 1 and self._samples[1][0] <= now_seconds - self._window_seconds:
            self._samples.popleft()

    def per_second(self, now_seconds: float) -> float:
        """Return the growth by the second; 0.0 before the second reading."""
        if not self._samples:
            return 0.0
        opens = now_seconds - self._window_seconds
        since, before = self._samples[0]
        for at, count in self._samples:
            if at > opens:
                break
            since, before = opens, count
        return (self._samples[-1][1] - before) / max(now_seconds - since, 1.0)
