"""Series over event time: hours gathered into buckets, without holes between the first and the last."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.period import MS_PER_HOUR
from billing.sums import NO_SUMS, Sums, plus

MS_PER_DAY = 24 * MS_PER_HOUR

# The buckets that people can read: hours that divide a day, then days.
_STEPS_MS = tuple(hours * MS_PER_HOUR for hours in (1, 2, 3, 4, 6, 8, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24))


@dataclass(frozen=True)
class Buckets:
    """Sums of buckets of the same length, one behind the other.

    Args:
        bucket_ms: the length.
        starts_ms: where each begins.
        sums: what each holds; zeros for one without events.
    """

    bucket_ms: int
    starts_ms: list[int]
    sums: list[Sums]


def choose_bucket_ms(span_ms: int, max_buckets: int, at_least_ms: int = MS_PER_HOUR) -> int:
    """Return the shortest readable length with which a span takes at most `max_buckets` buckets."""
    wanted = max(at_least_ms, -(-span_ms // max(1, max_buckets - 1)))
    for step in _STEPS_MS:
        if step >= wanted:
            return step
    return -(-wanted // MS_PER_DAY) * MS_PER_DAY


def bucket_start_ms(timestamp_ms: int, bucket_ms: int) -> int:
    """Return where the bucket that holds a time begins: buckets are laid out from 1970-01-01T00:00Z on."""
    return timestamp_ms - timestamp_ms % bucket_ms


def bucket_sums(hours: Sequence[tuple[int, Sums]], bucket_ms: int) -> Buckets:
    """Return hours gathered into buckets, from the first hour's to the last hour's.

    Args:
        hours: (start in milliseconds, sums), in the order of time.
        bucket_ms: a multiple of an hour.
    """
    if not hours:
        return Buckets(bucket_ms, [], [])
    first = bucket_start_ms(hours[0][0], bucket_ms)
    starts = list(range(first, hours[-1][0] + 1, bucket_ms))
    sums: list[Sums] = [NO_SUMS] * len(starts)
    for hour_ms, hour_sums in hours:
        position = (hour_ms - first) // bucket_ms
        sums[position] = plus(sums[position], hour_sums)
    return Buckets(bucket_ms, starts, sums)
