"""The months and hours of a zone as arrays: which month an instant lies in, and where its hour begins."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from billing.local_time import MS_PER_HOUR
from billing.period import MonthCalendar
from billing.runtime.native.compiled import inlined
from billing.runtime.native.memory import Whole, address_of, load32, load64

# The length of a bucket, as a power of two of milliseconds: some 19 hours. Few hold more than one cut.
BUCKET_BITS = 26


class CalendarArrays(NamedTuple):
    """Cuts are where a month begins or the clocks change; between two of them an instant's month and hour are told
    by a comparison and a remainder.

    Args:
        buckets: by the instant's bucket, the cut in force where the bucket begins.
        cuts: the instants of the cuts in milliseconds, and one after all.
        months: the index of the month from each cut on.
        hour_edges: from each cut on, where the offset in force began, in milliseconds.
        offsets: from each cut on, what is added to UTC, in milliseconds.
    """

    buckets: NDArray[np.int32]
    cuts: NDArray[np.int64]
    months: NDArray[np.int64]
    hour_edges: NDArray[np.int64]
    offsets: NDArray[np.int64]


@lru_cache(maxsize=8)
def calendar_arrays(calendar: MonthCalendar) -> CalendarArrays:
    """Return a calendar as arrays, made once per process. Do not change them."""
    local = calendar.local
    cuts = np.array(sorted({*calendar.starts_ms, *local.starts_ms}), np.int64)
    segments = np.maximum(np.searchsorted(local.starts_ms, cuts, side="right") - 1, 0)
    months = np.maximum(np.searchsorted(calendar.starts_ms, cuts, side="right") - 1, 0)
    bucket_starts = np.arange(((int(cuts[-1]) >> BUCKET_BITS) + 2_000), dtype=np.int64) << BUCKET_BITS
    return CalendarArrays(
        buckets=np.maximum(np.searchsorted(cuts, bucket_starts, side="right") - 1, 0).astype(np.int32),
        cuts=np.append(cuts, np.iinfo(np.int64).max),
        months=months.astype(np.int64),
        hour_edges=np.array(local.starts_ms, np.int64)[segments],
        offsets=np.array(local.offsets_ms, np.int64)[segments],
    )


class CalendarPlaces(NamedTuple):
    """Where a calendar's arrays lie, and the last bucket."""

    buckets: Whole
    last_bucket: Whole
    cuts: Whole
    months: Whole
    hour_edges: Whole
    offsets: Whole


@inlined
def calendar_places(arrays: CalendarArrays) -> CalendarPlaces:
    """Return where a calendar's arrays lie: to read them there costs a load and nothing else."""
    return CalendarPlaces(
        address_of(arrays.buckets),
        arrays.buckets.shape[0] - 1,
        address_of(arrays.cuts),
        address_of(arrays.months),
        address_of(arrays.hour_edges),
        address_of(arrays.offsets),
    )


@inlined
def cut_of(places: CalendarPlaces, instant_ms: Whole) -> Whole:
    """Return the position of the cut in force at an instant of 1970 to 2199."""
    bucket = max(0, min(instant_ms >> BUCKET_BITS, places.last_bucket))
    cut = np.int64(load32(places.buckets + 4 * bucket))
    while np.int64(load64(places.cuts + 8 * (cut + 1))) <= instant_ms:
        cut += 1
    return cut


@inlined
def month_of(places: CalendarPlaces, cut: Whole) -> Whole:
    """Return the index of the month from a cut on."""
    return np.int64(load64(places.months + 8 * cut))


@inlined
def hour_start(places: CalendarPlaces, cut: Whole, instant_ms: Whole) -> Whole:
    """Return where the hour that holds an instant begins: :meth:`billing.local_time.LocalTime.hour_start_ms`."""
    offset, edge = np.int64(load64(places.offsets + 8 * cut)), np.int64(load64(places.hour_edges + 8 * cut))
    return max(instant_ms - (instant_ms + offset) % MS_PER_HOUR, edge)
