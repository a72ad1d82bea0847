"""Billing periods: calendar months in one IANA zone, half-open [start, end).

Event times are integers of milliseconds since 1970-01-01T00:00Z. A month is written ``YYYY-MM``.
"""

import re
from bisect import bisect_right
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from billing.local_time import END_YEAR, MS_PER_SECOND, local_time

# A timestamp below this counts seconds, one from it on milliseconds (1973-03-03 in ms, the year 5138 in s).
FIRST_MS_TIMESTAMP = 10**11

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def parse_month(text: str) -> str:
    """Return `text` if it is a month written ``YYYY-MM``.

    Raises:
        ValueError: it is not, or its year lies outside 1969 to 2199.
    """
    match = _MONTH.fullmatch(text)
    if match is None or not 1969 <= int(match[1]) < END_YEAR:
        raise ValueError(f"{text[:40]!r} is not a month; write it as YYYY-MM, for example 2017-02")
    return text


def add_months(month: str, count: int) -> str:
    """Return the month `count` months after `month`; a negative count goes back."""
    ordinal = int(month[:4]) * 12 + int(month[5:]) - 1 + count
    return f"{ordinal // 12:04d}-{ordinal % 12 + 1:02d}"


def to_milliseconds(timestamp: int) -> int:
    """Return the event time in milliseconds of a timestamp in seconds, or in milliseconds when >= 10^11."""
    return timestamp if timestamp >= FIRST_MS_TIMESTAMP else timestamp * MS_PER_SECOND


@lru_cache(maxsize=1_024)
def format_timestamp(timestamp_ms: int) -> str:
    """Return an event time as RFC 3339 in UTC, ``2017-02-26T22:14:15Z``, with milliseconds only if it has any."""
    moment = datetime.fromtimestamp(timestamp_ms // MS_PER_SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = timestamp_ms % MS_PER_SECOND
    return f"{moment}.{fraction:03d}Z" if fraction else f"{moment}Z"


class MonthCalendar:
    """The months of one zone from 1969-12 to 2199-12, and which of them an event time falls into.

    A month begins when the clocks of the zone first show its first midnight, or pass it.

    Args:
        zone: IANA name of the zone, such as ``UTC`` or ``Europe/Berlin``.
    """

    def __init__(self, zone: str = "UTC") -> None:
        self.local = local_time(zone)
        self.months = ["1969-12"] + [f"{y:04d}-{m:02d}" for y in range(1970, END_YEAR) for m in range(1, 13)]
        self.starts_ms = [self._start_ms(month) for month in self.months]

    def _start_ms(self, month: str) -> int:
        midnight = datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)
        return self.local.first_reach(int(midnight.timestamp()) * MS_PER_SECOND)

    @property
    def zone(self) -> ZoneInfo:
        """The zone."""
        return self.local.zone

    @cached_property
    def _index(self) -> dict[str, int]:
        return {month: index for index, month in enumerate(self.months)}

    def month_of(self, timestamp_ms: int) -> str:
        """Return the month that holds an event time of 1970 to 2199, in milliseconds."""
        return self.months[bisect_right(self.starts_ms, timestamp_ms) - 1]

    def bounds_ms(self, month: str) -> tuple[int, int]:
        """Return start (inclusive) and end (exclusive) of a month in milliseconds.

        Raises:
            KeyError: the month lies outside the calendar.
        """
        index = self._index[month]
        if index + 1 < len(self.starts_ms):
            return self.starts_ms[index], self.starts_ms[index + 1]
        return self.starts_ms[index], self._start_ms(f"{END_YEAR}-01")


@lru_cache(maxsize=8)
def month_calendar(zone: str) -> MonthCalendar:
    """Return the calendar of a zone, made once per process."""
    return MonthCalendar(zone)
