"""Simulated time over several demos: it goes on where it stopped, and never back."""

import pytest

from billing.clock import SIMULATION_END_MS
from billing.errors import OperatorError
from billing.period import month_calendar
from billing.settings import Settings
from qb.demo.timeline import BEGIN_MS, LEASE_MS, lease_ms, month_share, resume, speed_of, tell_time

WALL_MS = 1_800_000_000_000
MONTH_IN_30_S = 87_658.2


def test_the_first_demo_begins_in_january_2017() -> None:
    """Far enough into it that an event ten days late is of 2017 as well."""
    clock = resume(None, MONTH_IN_30_S, WALL_MS)
    assert clock.at_ms(WALL_MS) == BEGIN_MS
    assert month_calendar("UTC").month_of(BEGIN_MS - 10 * 86_400_000) == "2017-01"


def test_the_next_demo_goes_on_where_the_one_before_stopped() -> None:
    """However long the pause was, and at another speed if the month lasts another time now."""
    first = resume(None, MONTH_IN_30_S, WALL_MS)
    reached_ms = first.at_ms(WALL_MS + 60_000)
    second = resume(reached_ms, 2 * MONTH_IN_30_S, WALL_MS + 86_400_000)
    assert second.at_ms(WALL_MS + 86_400_000) == reached_ms
    assert second.at_ms(WALL_MS + 86_401_000) == reached_ms + 2 * int(1_000 * MONTH_IN_30_S)


def test_after_a_kill_time_does_not_go_back() -> None:
    """What is on record while a demo runs lies ahead of all that its processes can still see."""
    clock = resume(None, MONTH_IN_30_S, WALL_MS)
    recorded_ms = lease_ms(clock, WALL_MS)
    killed_at_ms = WALL_MS + LEASE_MS - 1
    assert resume(recorded_ms, MONTH_IN_30_S, WALL_MS + 2_000).at_ms(WALL_MS + 2_000) > clock.at_ms(killed_at_ms)


def test_the_end_of_the_calendar_is_said() -> None:
    """A simulation that has reached its end does not stand still for ever without a word."""
    with pytest.raises(OperatorError, match=r"2150.*--fresh"):
        resume(SIMULATION_END_MS, 1.0, WALL_MS)


@pytest.mark.parametrize(
    ("options", "speed"),
    [
        ({"month_seconds": 30}, MONTH_IN_30_S),
        ({"month_seconds": 0}, 0),
        ({"month_seconds": 30, "simulation_speed": 7}, 7),
        ({"month_seconds": 1e-9}, 1e9),
    ],
)
def test_the_speed_is_what_the_settings_ask_for(options: dict[str, float], speed: float) -> None:
    """A month's length, unless the speed itself is given; real time if neither."""
    assert speed_of(Settings.model_validate(options)) == pytest.approx(speed)


def test_time_is_told_in_words() -> None:
    """With the length of a month while it is simulated."""
    clock = resume(None, MONTH_IN_30_S, WALL_MS)
    assert tell_time(BEGIN_MS, clock) == "2017-01-12 00h, a month in 30 s"
    assert tell_time(BEGIN_MS, None) == "2017-01-12 00h"


def test_the_share_of_a_month() -> None:
    """From its start to its end in the deployment's time zone."""
    utc, berlin = month_calendar("UTC"), month_calendar("Europe/Berlin")
    start_ms, end_ms = utc.bounds_ms("2017-02")
    assert month_share(start_ms, utc) == 0
    assert month_share((start_ms + end_ms) // 2, utc) == 0.5
    assert 0 < month_share(start_ms, berlin) < 0.01
