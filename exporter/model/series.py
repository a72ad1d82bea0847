"""Series over event time: hours gathered into buckets, without holes between the first and the last."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from billing.sums import NO_SUMS, Sums, plus
from exporter.model.grid import Grid, Step


@dataclass(frozen=True)
class Buckets:
    """Sums of buckets, one behind the other.

    Args:
        step: how long they are.
        starts_ms: where each begins.
        sums: what each holds; zeros for one without events.
    """

    step: Step
    starts_ms: list[int]
    sums: list[Sums]


def bucket_sums(hours: Sequence[tuple[int, Sums]], grid: Grid) -> Buckets:
    """Return hours gathered into buckets, from the first hour's to the last hour's.

    Args:
        hours: (start in milliseconds, sums), in the order of time.
        grid: where buckets begin.
    """
    if not hours:
        return Buckets(grid.step, [], [])
    starts = list(grid.starts_ms(hours[0][0], hours[-1][0]))
    sums: list[Sums] = [NO_SUMS] * len(starts)
    position = 0
    for hour_ms, hour_sums in hours:
        position = bisect_right(starts, hour_ms, position) - 1
        sums[position] = plus(sums[position], hour_sums)
    return Buckets(grid.step, starts, sums)
