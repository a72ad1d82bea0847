"""The generator's clocks."""

from itertools import pairwise

from billing.clock import SimulatedClock
from billing.period import MonthCalendar
from billing.settings import load_settings
from generator.clock import SIMULATION_START_MS, event_clock, simulate_months


def test_month_seconds_run_a_month_in_that_time() -> None:
    """Ten seconds a month: after ten seconds of wall clock the simulation has reached February, after 120 the next
    year."""
    settings = simulate_months(load_settings({"month_seconds": 10}, {}), wall_ms=1_000)
    clock = SimulatedClock(settings.simulation_start_ms, 0, settings.simulation_speed)
    assert settings.clock == SimulatedClock(SIMULATION_START_MS, 1_000, settings.simulation_speed)
    ends_ms = [clock.start_ms + int(seconds * 1_000 * clock.speed) for seconds in (0, 11, 121)]
    assert [MonthCalendar().month_of(end_ms) for end_ms in ends_ms] == ["2017-01", "2017-02", "2018-01"]


def test_a_named_simulation_wins_over_month_seconds() -> None:
    """Parts that share a simulation's three numbers must not start another one."""
    settings = load_settings({"month_seconds": 10, "simulation_speed": 3}, {})
    assert simulate_months(settings) is settings


def test_without_month_seconds_time_is_real() -> None:
    """Nothing is simulated unless asked for."""
    settings = load_settings({}, {})
    assert simulate_months(settings) is settings


def test_a_history_is_spread_evenly_and_ends_now() -> None:
    """Ten events over ten days lie a day apart, all of them before now."""
    settings = load_settings({"history_days": 10, "events": 10}, {})
    before_ms = settings.clock.now_ms()
    clock = event_clock(settings)
    times_ms = [clock.now_ms() for _ in range(10)]
    assert {round((later - earlier) / 1_000) for earlier, later in pairwise(times_ms)} == {86_400}
    assert before_ms - 86_400_000 - 1 <= times_ms[-1] <= settings.clock.now_ms()
