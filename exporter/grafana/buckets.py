"""Which hours a series shows, and in which buckets."""

from billing.period import MS_PER_HOUR
from exporter.grafana.asked import Asked
from exporter.grafana.filters import passes
from exporter.grafana.request import TimeRange
from exporter.model.series import MS_PER_DAY, Buckets, bucket_start_ms, bucket_sums, choose_bucket_ms
from exporter.web.problems import unprocessable


def asked_buckets(asked: Asked, from_month_start: bool) -> tuple[Buckets, int]:
    """Return the buckets of a series, and which of them is the first one to show.

    Args:
        asked: the range, the months it is restricted to, and the length of a bucket.
        from_month_start: begin before the range, where its first month does: a running total needs that.
    """
    known = asked.view.hour_range()
    if known is None:
        return Buckets(MS_PER_HOUR, [], []), 0
    first_ms, last_ms = known
    shown = asked.range or TimeRange(first_ms, last_ms + MS_PER_HOUR)
    bucket_ms = _bucket_ms(asked, shown)
    start_ms = bucket_start_ms(max(shown.from_ms, 0), bucket_ms)
    from_ms = start_ms
    if from_month_start:
        from_ms = bucket_start_ms(asked.context.calendar.bounds_ms(_month(asked, start_ms))[0], bucket_ms)
    hours = asked.view.hours(from_ms, min(shown.to_ms, last_ms + 1))
    if any(one.key == "month" for one in asked.filters):
        hours = [hour for hour in hours if passes(asked.filters, "month", _month(asked, hour[0]))]
    buckets = bucket_sums(hours, bucket_ms)
    return buckets, sum(1 for at_ms in buckets.starts_ms if at_ms < start_ms)


def _bucket_ms(asked: Asked, shown: TimeRange) -> int:
    wanted = asked.target.payload.get("bucket") or "auto"
    match wanted:
        case "hour":
            shortest, most = MS_PER_HOUR, max(asked.query.max_points, 24 * 366)
        case "day":
            shortest, most = MS_PER_DAY, max(asked.query.max_points, 24 * 366)
        case "auto":
            shortest, most = max(MS_PER_HOUR, asked.query.interval_ms), asked.query.max_points
        case _:
            raise unprocessable("bad_payload", f"bucket {str(wanted)[:40]!r} is none of hour, day, auto", "bucket")
    return choose_bucket_ms(shown.to_ms - shown.from_ms, most, shortest)


def _month(asked: Asked, timestamp_ms: int) -> str:
    return asked.context.calendar.month_of(timestamp_ms)
