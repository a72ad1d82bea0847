"""Buckets of a series: side by side, on local time, and never across the edge of a month, in all zones."""

from hypothesis import given
from hypothesis import strategies as st

from billing.local_time import MS_PER_DAY, MS_PER_HOUR
from billing.sums import Sums, event_count, plus
from exporter.model.grid import DAY, HOUR, MONTH, STEPS, WEEK, Grid, Step, choose_step
from exporter.model.series import bucket_sums
from tests.billing.test_local_time import calendar_of, instants, zones

steps = st.sampled_from(STEPS)


@given(zones, steps, instants)
def test_buckets_lie_side_by_side_and_nest_in_months(zone: str, step: Step, timestamp_ms: int) -> None:
    """Every instant is in one bucket; its edges are edges of hours, and it lies in one month."""
    calendar = calendar_of(zone)
    grid = Grid(step, calendar)
    start_ms, end_ms = grid.bounds_ms(timestamp_ms)
    assert start_ms <= timestamp_ms < end_ms
    assert grid.bounds_ms(end_ms - 1) == (start_ms, end_ms)
    assert grid.bounds_ms(end_ms)[0] == end_ms
    assert calendar.month_of(max(0, start_ms)) == calendar.month_of(end_ms - 1)
    assert calendar.local.hour_start_ms(start_ms) == start_ms
    assert calendar.local.hour_start_ms(end_ms) == end_ms
    # Half an hour to three hours: what clocks have gone back by.
    assert end_ms - start_ms <= step.length_ms + 3 * MS_PER_HOUR


@given(zones, steps, st.integers(1, 2_700), st.lists(st.tuples(st.integers(0, 70 * MS_PER_DAY), st.integers(1, 9))))
def test_a_series_over_a_month_sums_to_the_month(
    zone: str, step: Step, index: int, sold: list[tuple[int, int]]
) -> None:
    """Whatever the zone and the length of a bucket."""
    calendar = calendar_of(zone)
    first_ms = calendar.starts_ms[index]
    hours: dict[int, Sums] = {}
    months: dict[str, Sums] = {}
    for after_ms, micros in sold:
        at_ms = first_ms + after_ms
        hour_ms, month = calendar.local.hour_start_ms(at_ms), calendar.month_of(at_ms)
        hours[hour_ms] = plus(hours.get(hour_ms, (0, 0)), (micros, 1))
        months[month] = plus(months.get(month, (0, 0)), (micros, 1))
    buckets = bucket_sums(sorted(hours.items()), Grid(step, calendar))
    found: dict[str, Sums] = {}
    for start_ms, part in zip(buckets.starts_ms, buckets.sums, strict=True):
        month = calendar.month_of(start_ms)
        found[month] = plus(found.get(month, (0, 0)), part)
    assert {month: sums for month, sums in found.items() if event_count(sums)} == months


@given(zones, st.integers(0, 40_000 * MS_PER_DAY), st.integers(1, 800 * MS_PER_DAY), st.integers(60, 2_000))
def test_the_number_of_buckets_is_bounded(zone: str, start_ms: int, span_ms: int, most: int) -> None:
    """A span takes at most as many as are wanted, if months are few enough."""
    step = choose_step(span_ms, most)
    starts = list(Grid(step, calendar_of(zone)).starts_ms(start_ms, start_ms + span_ms - 1))
    # Changes of clocks add hours, at most two a year.
    assert len(starts) <= most + 6
    assert starts == sorted(set(starts))


def test_the_shortest_step_that_is_long_enough_is_taken() -> None:
    """As long as wanted, as the number of buckets asks for, and readable."""
    assert choose_step(31 * MS_PER_DAY, 1_000) == HOUR
    assert choose_step(31 * MS_PER_DAY, 200).name == "4 h"
    assert choose_step(31 * MS_PER_DAY, 1_000, at_least=DAY) == DAY
    assert choose_step(31 * MS_PER_DAY, 1_000, at_least_ms=5 * MS_PER_HOUR).name == "6 h"
    assert choose_step(365 * MS_PER_DAY, 80) == WEEK
    assert choose_step(36_500 * MS_PER_DAY, 10) == MONTH


def test_days_and_weeks_begin_at_midnight_of_the_zone() -> None:
    """In Kolkata at half past six in the evening of UTC; a week on Monday, but for the edge of a month."""
    calendar = calendar_of("Asia/Kolkata")
    half_past_six_ms = 18 * MS_PER_HOUR + MS_PER_HOUR // 2
    november_ms = calendar.bounds_ms("2026-11")[0]
    assert november_ms % MS_PER_DAY == half_past_six_ms
    days = list(Grid(DAY, calendar).starts_ms(november_ms, november_ms + 5 * MS_PER_DAY))
    assert days == [november_ms + day * MS_PER_DAY for day in range(6)]
    # 1 November 2026 is a Sunday.
    weeks = list(Grid(WEEK, calendar).starts_ms(november_ms, november_ms + 9 * MS_PER_DAY))
    assert weeks == [november_ms, november_ms + MS_PER_DAY, november_ms + 8 * MS_PER_DAY]
