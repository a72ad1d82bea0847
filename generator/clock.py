"""Clocks for generated events: a simulation of months a minute, and a history made in one go."""

import time
from dataclasses import dataclass

from billing.clock import Clock
from billing.settings import Settings

SIMULATION_START_MS = 1_483_228_800_000  # 2017-01-01T00:00:00Z
AVERAGE_MONTH_SECONDS = 146_097 * 86_400 / 4_800  # 400 years of the calendar have 146,097 days and 4,800 months
MAX_SPEED = 1e9


@dataclass
class SteppingClock:
    """A clock that moves on by `step_ms` each time it is read, whatever the wall clock does."""

    next_ms: float
    step_ms: float

    def now_ms(self) -> int:
        now_ms = int(self.next_ms)
        self.next_ms += self.step_ms
        return now_ms


def simulate_months(settings: Settings, wall_ms: int | None = None) -> Settings:
    """Return the settings with the simulation that `month_seconds` asks for, from 2017-01-01 on.

    Settings that name a simulation already, or ask for none, come back as they are.

    Args:
        settings: the settings as given.
        wall_ms: the wall clock at which the simulation starts, in milliseconds; None is now.
    """
    if settings.month_seconds == 0 or settings.simulation_speed > 0:
        return settings
    return Settings.model_validate(
        {
            **settings.model_dump(),
            "simulation_speed": min(MAX_SPEED, AVERAGE_MONTH_SECONDS / settings.month_seconds),
            "simulation_start_ms": SIMULATION_START_MS,
            "simulation_anchor_ms": time.time_ns() // 1_000_000 if wall_ms is None else wall_ms,
        }
    )


def event_clock(settings: Settings) -> Clock:
    """Return the clock that event times come from: now, or the `history_days` up to now spread over all events."""
    if settings.history_days == 0:
        return settings.clock
    history_ms = settings.history_days * 86_400_000
    return SteppingClock(settings.clock.now_ms() - history_ms, history_ms / settings.events)
