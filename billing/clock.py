"""Clocks: what counts as now. Time is passed in, so that rules stay pure and a simulation can run months a minute."""

import time
from dataclasses import dataclass
from typing import Protocol

# 2150-01-01: a simulation left running for ever stops here, well before the calendar of billing.period ends.
SIMULATION_END_MS = 5_680_281_600_000


class Clock(Protocol):
    """Tells the current time."""

    def now_ms(self) -> int:
        """Return now in milliseconds since 1970-01-01T00:00Z."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """The wall clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def at_ms(self, wall_ms: int) -> int:
        """Return what it shows when the wall clock shows `wall_ms`: the same."""
        return wall_ms


@dataclass(frozen=True)
class SimulatedClock:
    """A clock that shows `start_ms` when the wall clock shows `anchor_ms` and runs `speed` times as fast.

    Every part that shares the three numbers sees the same simulated time. It stays between 1970 and 2150.
    """

    start_ms: int
    anchor_ms: int
    speed: float

    def now_ms(self) -> int:
        return self.at_ms(time.time_ns() // 1_000_000)

    def at_ms(self, wall_ms: int) -> int:
        """Return what it shows when the wall clock shows `wall_ms`, both in milliseconds."""
        return min(max(0, self.start_ms + int((wall_ms - self.anchor_ms) * self.speed)), SIMULATION_END_MS)


@dataclass
class FixedClock:
    """A clock that stands still until it is set: for tests."""

    time_ms: int

    def now_ms(self) -> int:
        return self.time_ms
