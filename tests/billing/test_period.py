"""Billing periods: calendar months of a zone, half-open, right across daylight saving."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.period import (
    MonthCalendar,
    add_months,
    format_timestamp,
    month_calendar,
    parse_month,
    to_milliseconds,
)

END_MS = int(datetime(2199, 12, 1, tzinfo=UTC).timestamp()) * 1_000
event_times = st.integers(0, END_MS)
# Those with a month before and after their own in the calendar.
inner_event_times = st.integers(3 * 31 * 86_400_000, END_MS - 3 * 31 * 86_400_000)

# Offsets of a quarter of an hour, daylight saving of half an hour, a skipped day, no offset, DST in the south.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Africa/Monrovia",
]


def local_ms(zone: str, *moment: int, fold: int = 0) -> int:
    """The event time of a wall-clock moment in a zone."""
    year, month, day, hour, minute, second = moment
    return int(datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * 1_000


@pytest.mark.parametrize(
    ("edge", "before", "after"),
    [
        ((2026, 1, 1, 0, 0, 0), "2025-12", "2026-01"),
        ((2026, 3, 1, 0, 0, 0), "2026-02", "2026-03"),
        ((2026, 4, 1, 0, 0, 0), "2026-03", "2026-04"),
        ((2026, 10, 1, 0, 0, 0), "2026-09", "2026-10"),
        ((2026, 11, 1, 0, 0, 0), "2026-10", "2026-11"),
        ((2027, 1, 1, 0, 0, 0), "2026-12", "2027-01"),
    ],
)
def test_a_second_either_side_of_an_edge_in_berlin(edge: tuple[int, ...], before: str, after: str) -> None:
    """Both edges of both daylight saving months and of the year part the months, to the millisecond."""
    calendar = MonthCalendar("Europe/Berlin")
    edge_ms = local_ms("Europe/Berlin", *edge)
    assert [calendar.month_of(edge_ms + ms) for ms in (-1_000, -1, 0, 1, 1_000)] == [
        before,
        before,
        after,
        after,
        after,
    ]


def test_berlin_months_of_daylight_saving_are_an_hour_short_or_long() -> None:
    """March has 743 hours, October 745, and the hour that comes twice is October's both times."""
    calendar = MonthCalendar("Europe/Berlin")
    hours = {month: (end - start) / 3_600_000 for month in ("2026-03", "2026-10", "2026-12")
             for start, end in [calendar.bounds_ms(month)]}  # fmt: skip
    assert hours == {"2026-03": 743, "2026-10": 745, "2026-12": 744}
    for fold in (0, 1):
        assert calendar.month_of(local_ms("Europe/Berlin", 2026, 10, 25, 2, 30, 0, fold=fold)) == "2026-10"


@pytest.mark.parametrize("zone", ZONES)
@given(timestamp_ms=event_times)
def test_the_month_is_the_one_on_the_wall_calendar(zone: str, timestamp_ms: int) -> None:
    """For any event time the month is what a calendar in that zone shows."""
    wall = datetime.fromtimestamp(timestamp_ms // 1_000, ZoneInfo(zone))
    assert month_calendar(zone).month_of(timestamp_ms) == f"{wall.year:04d}-{wall.month:02d}"


@pytest.mark.parametrize("zone", ZONES)
@given(timestamp_ms=inner_event_times)
def test_a_month_holds_its_events_and_not_its_end(zone: str, timestamp_ms: int) -> None:
    """Bounds are half-open, and months follow each other without a gap."""
    calendar = month_calendar(zone)
    month = calendar.month_of(timestamp_ms)
    start_ms, end_ms = calendar.bounds_ms(month)
    assert start_ms <= timestamp_ms < end_ms
    assert calendar.month_of(start_ms) == month
    assert calendar.month_of(start_ms - 1) == add_months(month, -1)
    assert calendar.month_of(end_ms - 1) == month
    assert calendar.bounds_ms(add_months(month, 1))[0] == end_ms


@pytest.mark.parametrize("zone", sorted(available_timezones())[::6])
def test_every_zone_has_increasing_months(zone: str) -> None:
    """In any zone (each sixth is tried), months start in order and on the first, whatever the clocks did that day."""
    calendar = MonthCalendar(zone)
    assert all(earlier < later for earlier, later in zip(calendar.starts_ms, calendar.starts_ms[1:], strict=False))
    for month in ("1986-11", "2000-10", "2009-11", "2011-12", "2012-01", "2026-03"):
        start_ms, _ = calendar.bounds_ms(month)
        assert datetime.fromtimestamp(start_ms // 1_000, calendar.zone).strftime("%Y-%m") == month
        assert datetime.fromtimestamp(start_ms // 1_000 - 1, calendar.zone).strftime("%Y-%m") < month


def test_the_first_of_two_midnights_begins_the_month() -> None:
    """In Havana clocks went back from one to midnight on 2015-11-01: November begins once, at the first midnight."""
    start_ms, _ = MonthCalendar("America/Havana").bounds_ms("2015-11")
    assert start_ms == local_ms("America/Havana", 2015, 11, 1, 0, 0, 0, fold=0)
    assert start_ms + 3_600_000 == local_ms("America/Havana", 2015, 11, 1, 0, 0, 0, fold=1)


def test_a_skipped_midnight_begins_the_month_where_clocks_go_on() -> None:
    """In Asuncion clocks jumped from midnight to one on 2000-10-01: October begins at one."""
    start_ms, _ = MonthCalendar("America/Asuncion").bounds_ms("2000-10")
    assert start_ms == local_ms("America/Asuncion", 2000, 10, 1, 1, 0, 0)


def test_the_calendar_ends_with_2199() -> None:
    """The last month has an end, and beyond it there is none."""
    calendar = MonthCalendar()
    assert calendar.bounds_ms("2199-12")[1] == int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1_000
    assert calendar.month_of(calendar.bounds_ms("2199-12")[1] - 1) == "2199-12"
    with pytest.raises(KeyError):
        calendar.bounds_ms("2200-01")


@pytest.mark.parametrize(
    ("timestamp", "milliseconds"),
    [
        (0, 0),
        (1_488_142_855, 1_488_142_855_000),
        (1_488_142_855_123, 1_488_142_855_123),
        (10**11 - 1, (10**11 - 1) * 1_000),
        (10**11, 10**11),
    ],
)
def test_timestamps_are_seconds_below_ten_to_the_eleventh(timestamp: int, milliseconds: int) -> None:
    """The unit follows from the size."""
    assert to_milliseconds(timestamp) == milliseconds


@given(event_times)
def test_an_event_time_survives_being_written(timestamp_ms: int) -> None:
    """RFC 3339 keeps the milliseconds, and shows none where there are none."""
    text = format_timestamp(timestamp_ms)
    moment = datetime.fromisoformat(text)
    assert int(moment.replace(microsecond=0).timestamp()) * 1_000 + moment.microsecond // 1_000 == timestamp_ms
    assert ("." in text) == (timestamp_ms % 1_000 != 0)


@given(st.integers(1970, 2198), st.integers(1, 12), st.integers(-12, 12))
def test_adding_months_can_be_undone(year: int, month: int, count: int) -> None:
    """Going on and back leads home, and order is kept."""
    text = f"{year:04d}-{month:02d}"
    moved = add_months(text, count)
    assert add_months(moved, -count) == text
    assert (moved > text) == (count > 0)


@pytest.mark.parametrize("text", ["1969-12", "1970-01", "2017-02", "2199-12"])
def test_a_month_is_read(text: str) -> None:
    """A month of the calendar comes back as it is."""
    assert parse_month(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "2017", "2017-2", "2017-13", "2017-00", "17-02", "2017-02-01", " 2017-02", "2017-02\n", "1968-12", "2200-01"],
)
def test_what_is_no_month_is_refused(text: str) -> None:
    """The error says how a month is written."""
    with pytest.raises(ValueError, match="YYYY-MM"):
        parse_month(text)
