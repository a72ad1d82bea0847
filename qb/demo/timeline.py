"""The demo's simulated time, which goes on at the next start where it stopped, and never back."""

import time

from billing.clock import SIMULATION_END_MS, SimulatedClock
from billing.errors import OperatorError
from billing.period import MonthCalendar, format_timestamp
from billing.settings import Settings
from generator.clock import AVERAGE_MONTH_SECONDS, MAX_SPEED, SIMULATION_START_MS

# How far ahead of the wall clock the simulated time is put on record. A demo that is killed cannot say where it
# stopped; its processes end well within this time, so the next start begins after every event they made.
LEASE_MS = 5_000
# Some days into 2017, so that late events do not reach into the year before, whose end would be billed first.
BEGIN_MS = SIMULATION_START_MS + 11 * 86_400_000


def speed_of(settings: Settings) -> float:
    """Return the simulated seconds per second that the settings ask for; 0 is real time."""
    if settings.simulation_speed or settings.month_seconds == 0:
        return settings.simulation_speed
    return min(MAX_SPEED, AVERAGE_MONTH_SECONDS / settings.month_seconds)


def resume(reached_ms: int | None, speed: float, wall_ms: int) -> SimulatedClock:
    """Return the clock that shows, when the wall clock shows `wall_ms`, the time reached before.

    Args:
        reached_ms: the simulated time that is on record; None begins with January 2017.
        speed: simulated seconds per second, above 0.
        wall_ms: when the simulation goes on, in milliseconds.

    Raises:
        OperatorError: the simulation is over.
    """
    if reached_ms is not None and reached_ms >= SIMULATION_END_MS:
        raise OperatorError("the simulation has reached the year 2150, where it ends; --fresh begins anew")
    return SimulatedClock(BEGIN_MS if reached_ms is None else reached_ms, wall_ms, speed)


def lease_ms(clock: SimulatedClock, wall_ms: int) -> int:
    """Return the simulated time to put on record at `wall_ms` by a demo that goes on."""
    return clock.at_ms(wall_ms + LEASE_MS)


def month_share(now_ms: int, calendar: MonthCalendar) -> float:
    """Return how much of its month has passed at `now_ms`, from 0 to 1."""
    start_ms, end_ms = calendar.bounds_ms(calendar.month_of(now_ms))
    return (now_ms - start_ms) / (end_ms - start_ms)


def tell_time(now_ms: int, clock: SimulatedClock | None) -> str:
    """Return the time for people, and how fast it runs."""
    day, hour = format_timestamp(now_ms)[:13].split("T")
    if clock is None:
        return f"{day} {hour}h"
    return f"{day} {hour}h, a month in {AVERAGE_MONTH_SECONDS / clock.speed:,.3g} s"


def wall_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000
