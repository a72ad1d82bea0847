"""Local time in one IANA zone: its offsets from UTC, and the instants at which local times are first reached.

Everything that is cut at local times, months, days and hours, is cut at :meth:`LocalTime.first_reach`. It never goes
back, so cuts of different lengths nest: the start of a month is the start of a day, and that of an hour.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MS_PER_SECOND = 1_000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 24 * MS_PER_HOUR

# The clock, and so every accepted event, must stay before this year.
END_YEAR = 2200

# Covers every local time of 1970 on, whatever the offset.
_FIRST = datetime(1969, 11, 29, tzinfo=UTC)
_LAST = datetime(END_YEAR, 1, 3, tzinfo=UTC)
# No zone has changed its offset twice within this since 1970: the shortest time between is just under seven days.
_SCAN_STEP = timedelta(days=3)
# No offset is larger than this.
_MAX_OFFSET_MS = 24 * MS_PER_HOUR


class LocalTime:
    """The clock on the wall of a zone, from 1970 to 2199.

    Args:
        zone: IANA name of the zone, such as ``UTC`` or ``Europe/Berlin``.

    `starts_ms` are the instants from which an offset is in force, the first of them before all event times, and
    `offsets_ms` what is added to UTC from then on, both in milliseconds. A local time is counted like UTC: in
    milliseconds since 1970-01-01T00:00 on that clock.
    """

    def __init__(self, zone: str = "UTC") -> None:
        self.zone = ZoneInfo(zone)
        self.starts_ms, self.offsets_ms = _offsets(self.zone)

    def segment(self, timestamp_ms: int) -> int:
        """Return the position, in `starts_ms` and `offsets_ms`, of the offset that is in force at an instant."""
        return max(0, bisect_right(self.starts_ms, timestamp_ms) - 1)

    def local_ms(self, timestamp_ms: int) -> int:
        """Return the local time at an instant."""
        return timestamp_ms + self.offsets_ms[self.segment(timestamp_ms)]

    def first_reach(self, local_ms: int) -> int:
        """Return the first instant at which a local time is reached or passed.

        A local time that a change of clocks leaves out is passed at that change; of one that comes twice it is the
        first.
        """
        first = max(0, bisect_left(self.starts_ms, local_ms - _MAX_OFFSET_MS) - 1)
        for segment in range(first, len(self.starts_ms)):
            reached_ms = max(self.starts_ms[segment], local_ms - self.offsets_ms[segment])
            if segment + 1 == len(self.starts_ms) or reached_ms < self.starts_ms[segment + 1]:
                return reached_ms if segment else local_ms - self.offsets_ms[0]
        raise AssertionError("the last offset is in force for ever")

    def hour_start_ms(self, timestamp_ms: int) -> int:
        """Return the start of the hour that holds an instant.

        An hour begins at each full hour of local time, and where clocks change. So it is as long as an hour, or, next
        to a change by half an hour as on Lord Howe Island, shorter; one that comes twice is two.
        """
        segment = self.segment(timestamp_ms)
        start_ms = timestamp_ms - (timestamp_ms + self.offsets_ms[segment]) % MS_PER_HOUR
        return max(start_ms, self.starts_ms[segment])

    def hour_end_ms(self, timestamp_ms: int) -> int:
        """Return the end, exclusive, of the hour that holds an instant: where the next one begins."""
        segment = self.segment(timestamp_ms)
        end_ms = timestamp_ms + MS_PER_HOUR - (timestamp_ms + self.offsets_ms[segment]) % MS_PER_HOUR
        return min([end_ms, *self.starts_ms[segment + 1 : segment + 2]])

    def hours(self, from_ms: int, to_ms: int) -> Iterator[int]:
        """Yield the starts of the hours that begin in [from, to)."""
        start_ms = self.hour_start_ms(from_ms)
        if start_ms < from_ms:
            start_ms = self.hour_end_ms(from_ms)
        while start_ms < to_ms:
            yield start_ms
            start_ms = self.hour_end_ms(start_ms)


@lru_cache(maxsize=8)
def local_time(zone: str) -> LocalTime:
    """Return the local time of a zone, made once per process."""
    return LocalTime(zone)


def _offsets(zone: ZoneInfo) -> tuple[list[int], list[int]]:
    """Return the instants from which offsets are in force, and these, both in milliseconds."""
    at, offset = _FIRST, _offset(_FIRST, zone)
    starts, offsets = [_milliseconds(at)], [offset]
    while at < _LAST:
        following = at + _SCAN_STEP
        if _offset(following, zone) != offset:
            changed = _change_between(at, following, zone)
            offset = _offset(following, zone)
            starts.append(_milliseconds(changed))
            offsets.append(offset)
        at = following
    return starts, [_length(offset) for offset in offsets]


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the second at which the one change of clocks between two instants happens."""
    offset = _offset(before, zone)
    seconds = int((after - before).total_seconds())
    return before + timedelta(seconds=bisect_left(
        range(seconds + 1), True, key=lambda second: _offset(before + timedelta(seconds=second), zone) != offset
    ))  # fmt: skip


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * MS_PER_SECOND


def _length(offset: timedelta) -> int:
    return int(offset.total_seconds()) * MS_PER_SECOND
