"""How many requests may come: so many at once, and one more with each interval."""


class TokenBucket:
    """Holds as many tokens as requests may come now. It is full at first.

    Args:
        interval_seconds: from one token to the next.
        burst: how many it holds; 0 lets no request through.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, interval_seconds: float, burst: int, now: float) -> None:
        self._interval_seconds = interval_seconds
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token, if there is one, and return whether there was."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) / self._interval_seconds)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
