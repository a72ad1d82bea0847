"""Clocks."""

import time

from billing.clock import FixedClock, SimulatedClock, SystemClock


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_the_system_clock_is_the_wall_clock() -> None:
    """It shows milliseconds since 1970."""
    before_ms = now_ms()
    assert before_ms <= SystemClock().now_ms() <= now_ms()


def test_a_simulation_runs_faster_from_its_anchor() -> None:
    """An hour after its anchor, a clock at speed 1000 has gone on by a thousand hours."""
    anchor_ms = now_ms() - 3_600_000
    shown_ms = SimulatedClock(start_ms=1_483_228_800_000, anchor_ms=anchor_ms, speed=1_000).now_ms()
    passed_ms = shown_ms - 1_483_228_800_000
    assert 3_600_000_000 <= passed_ms < 3_600_000_000 + 10_000_000


def test_parts_that_share_the_numbers_share_the_time() -> None:
    """Two clocks of the same simulation differ by no more than the time between reading them."""
    clocks = [SimulatedClock(0, now_ms(), 60.0) for _ in range(2)]
    clocks[1] = SimulatedClock(0, clocks[0].anchor_ms, 60.0)
    readings = [clock.now_ms() for clock in clocks]
    assert 0 <= readings[1] - readings[0] < 60_000


def test_a_simulation_stays_inside_the_calendar() -> None:
    """Before its anchor it does not fall below 1970, and left running for ever it stops before the calendar ends."""
    assert SimulatedClock(start_ms=0, anchor_ms=now_ms() + 3_600_000, speed=100).now_ms() == 0
    assert SimulatedClock(start_ms=0, anchor_ms=0, speed=1e9).now_ms() == 5_680_281_600_000


def test_a_fixed_clock_shows_what_it_is_set_to() -> None:
    """It stands still until it is set."""
    clock = FixedClock(5)
    assert clock.now_ms() == 5
    clock.time_ms = 7
    assert clock.now_ms() == 7
