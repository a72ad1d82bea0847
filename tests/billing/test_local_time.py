"""Local time: offsets, first instants and hours, over all zones there are."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.local_time import MS_PER_DAY, MS_PER_HOUR, LocalTime
from billing.period import MonthCalendar
from qb.audit.recount import hour_start_ms

ZONES = sorted(available_timezones())
# Half and quarter hours, half an hour of summer time, a day left out, midnight left out, seconds in the offset.
ODD = ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Africa/Monrovia",
       "Asia/Tehran", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Chatham"]  # fmt: skip
zones = st.sampled_from(ODD) | st.sampled_from(ZONES)
# Up to the last month of the calendar, 2199-12.
instants = st.integers(0, 7_255_000_000_000)


@lru_cache(maxsize=1_000)
def calendar_of(zone: str) -> MonthCalendar:
    return MonthCalendar(zone)


def clock_shows(zone: str, timestamp_ms: int) -> timedelta:
    """What the standard library says is added to UTC."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp_ms)
    offset = at.astimezone(calendar_of(zone).zone).utcoffset()
    assert offset is not None
    return offset


@given(zones, instants)
def test_local_time_is_what_the_clocks_show(zone: str, timestamp_ms: int) -> None:
    """Offsets agree with the standard library at any instant of any zone."""
    local = calendar_of(zone).local
    assert local.local_ms(timestamp_ms) - timestamp_ms == clock_shows(zone, timestamp_ms) / timedelta(milliseconds=1)


@given(zones, instants)
def test_an_hour_holds_its_instants_and_no_change_of_clocks(zone: str, timestamp_ms: int) -> None:
    """Hours lie side by side, begin at full hours or at changes, and nest in months."""
    calendar = calendar_of(zone)
    local = calendar.local
    start_ms, end_ms = local.hour_start_ms(timestamp_ms), local.hour_end_ms(timestamp_ms)
    assert start_ms <= timestamp_ms < end_ms <= start_ms + MS_PER_HOUR
    assert {local.hour_start_ms(at) for at in (start_ms, end_ms - 1)} == {start_ms}
    assert local.hour_start_ms(end_ms) == end_ms
    assert clock_shows(zone, max(0, start_ms)) == clock_shows(zone, end_ms - 1)
    assert local.local_ms(start_ms) % MS_PER_HOUR == 0 or start_ms in local.starts_ms
    assert calendar.month_of(max(0, start_ms)) == calendar.month_of(end_ms - 1)


@given(zones, st.integers(0, 2_759))
def test_the_start_of_a_month_is_the_start_of_an_hour(zone: str, index: int) -> None:
    """Whatever the offset, and whatever clocks do at midnight."""
    calendar = calendar_of(zone)
    start_ms = calendar.starts_ms[1 + index]
    assert calendar.local.hour_start_ms(start_ms) == start_ms


@given(zones, st.integers(0, 83_000), st.integers(0, 24 * 4))
def test_a_local_time_is_reached_first_where_nothing_before_reaches_it(zone: str, day: int, quarter: int) -> None:
    """Before that instant the clocks showed less, from it on they show no less, or have shown it."""
    local = calendar_of(zone).local
    wanted_ms = day * MS_PER_DAY + quarter * MS_PER_HOUR // 4
    at_ms = local.first_reach(wanted_ms)
    assert local.local_ms(at_ms) >= wanted_ms > local.local_ms(at_ms - 1)
    assert local.first_reach(wanted_ms - 1) <= at_ms


def test_hours_of_a_day_with_half_an_hour_of_summer_time() -> None:
    """On Lord Howe Island clocks go back by half an hour: the hour before the change is cut in two."""
    local = LocalTime("Australia/Lord_Howe")
    midnight_ms = local.first_reach(int(datetime(2026, 4, 5, tzinfo=UTC).timestamp()) * 1_000)
    hours = list(local.hours(midnight_ms, local.first_reach(local.local_ms(midnight_ms) + MS_PER_DAY)))
    lengths = [local.hour_end_ms(start) - start for start in hours]
    assert sum(lengths) == MS_PER_DAY + MS_PER_HOUR // 2
    assert lengths.count(MS_PER_HOUR) == len(lengths) - 1
    assert min(lengths) == MS_PER_HOUR // 2


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_where_offsets_are_whole_hours_so_are_hours(zone: str) -> None:
    """There an hour is what it is in UTC."""
    local = LocalTime(zone)
    starts = list(local.hours(1_790_000_000_000, 1_790_000_000_000 + 400 * MS_PER_DAY))
    assert starts == list(range(starts[0], starts[-1] + 1, MS_PER_HOUR))
    assert starts[0] % MS_PER_HOUR == 0


@given(zones, instants)
def test_the_audit_cuts_hours_alike(zone: str, timestamp_ms: int) -> None:
    """The audit has arithmetic of its own, and comes to the same."""
    calendar = calendar_of(zone)
    assert hour_start_ms(timestamp_ms, calendar.zone) == calendar.local.hour_start_ms(timestamp_ms)
