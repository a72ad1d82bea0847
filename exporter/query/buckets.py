"""Which hours a series shows, and in which buckets."""

from billing.local_time import MS_PER_HOUR
from exporter.model.grid import DAY, HOUR, Grid, Step, choose_step
from exporter.model.series import Buckets, bucket_sums
from exporter.query.asked import Asked
from exporter.query.filters import passes
from exporter.query.time_range import TimeRange
from exporter.web.problems import unprocessable

# As many points as an hourly series of a year has are given, if hours or days are asked for by name.
_MOST_NAMED = 24 * 366


def asked_buckets(asked: Asked, from_month_start: bool) -> tuple[Buckets, int]:
    """Return the buckets of a series, and which of them is the first one to show.

    Args:
        asked: the range, the months it is restricted to, and the length of a bucket.
        from_month_start: begin before the range, where its first month does: a running total needs that.
    """
    known = asked.view.hour_range()
    if known is None:
        return Buckets(HOUR, [], []), 0
    first_ms, last_ms = known
    shown = asked.range or TimeRange(first_ms, last_ms + MS_PER_HOUR)
    calendar = asked.context.calendar
    grid = Grid(_step(asked, shown), calendar)
    # Where the range lies beyond all hours, there is nothing to be put into buckets.
    start_ms, _ = grid.bounds_ms(min(max(shown.from_ms, first_ms), last_ms))
    start_ms = max(start_ms, 0) if shown.from_ms <= last_ms else shown.from_ms
    from_ms = calendar.bounds_ms(calendar.month_of(start_ms))[0] if from_month_start else start_ms
    hours = asked.view.hours(from_ms, min(shown.to_ms, last_ms + 1))
    if hours:
        asked.view.expect(max(len(hours), (hours[-1][0] - hours[0][0]) // grid.step.shortest_ms))
    if any(one.key == "month" for one in asked.filters):
        hours = [hour for hour in hours if passes(asked.filters, "month", calendar.month_of(hour[0]))]
    buckets = bucket_sums(hours, grid)
    return buckets, sum(1 for at_ms in buckets.starts_ms if at_ms < start_ms)


def _step(asked: Asked, shown: TimeRange) -> Step:
    wanted = asked.payload.get("bucket") or "auto"
    span_ms, points = shown.to_ms - shown.from_ms, asked.max_points
    match wanted:
        case "hour":
            return choose_step(span_ms, max(points, _MOST_NAMED))
        case "day":
            return choose_step(span_ms, max(points, _MOST_NAMED), at_least=DAY)
        case "auto":
            return choose_step(span_ms, points, at_least_ms=asked.interval_ms)
        case _:
            raise unprocessable("bad_payload", f"bucket {str(wanted)[:40]!r} is not one of hour, day, auto", "bucket")
