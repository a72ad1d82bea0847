"""How many events are due: a steady rate, without a burst after a pause."""

from dataclasses import dataclass

# What was not sent for longer than this, through an outage or a suspended laptop, is never made up for.
MAX_ARREARS_SECONDS = 1.0
MIN_DELAY_SECONDS = 1e-7


@dataclass
class Pace:
    """Tells how many events are due.

    Args:
        rate: events per second; 0 is no limit.
        last: when events were due last, on the monotonic clock in seconds.
    """

    rate: float
    last: float

    def due(self, now: float, most: int) -> int:
        """Return how many events to send now, at most `most`.

        Args:
            now: the monotonic clock in seconds.
            most: the largest answer; what is above it stays due.
        """
        if self.rate == 0:
            return most
        self.last = max(self.last, now - max(MAX_ARREARS_SECONDS, 1 / self.rate))
        count = min(most, int((now - self.last) * self.rate))
        self.last += count / self.rate
        return count


def events_a_second(rate: float, delay_seconds: float) -> float:
    """Return the rate that the settings ask for: a delay between two events wins over a rate. 0 is no limit."""
    return 1 / max(delay_seconds, MIN_DELAY_SECONDS) if delay_seconds else rate
