"""Where the buckets of a series begin: at local times of the deployment's zone, and at the start of each month.

No bucket crosses the edge of a month, so the buckets of a month add up to it, whatever their length and zone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from billing.local_time import MS_PER_DAY, MS_PER_HOUR
from billing.period import MonthCalendar

# 1970-01-01 was a Thursday: weeks begin on the Monday before.
_MONDAY_MS = -3 * MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Step:
    """How long buckets are.

    Args:
        name: for people.
        length_ms: of one that no edge of a month and no change of clocks cuts; of a month 31 days.
        shortest_ms: what they last on average at least, the cut ones included.
    """

    name: str
    length_ms: int
    shortest_ms: int


def _hours(count: int) -> Step:
    return Step(f"{count} h", count * MS_PER_HOUR, count * MS_PER_HOUR)


HOUR = _hours(1)
DAY = Step("1 day", MS_PER_DAY, MS_PER_DAY)
TWO_DAYS = Step("2 days", 2 * MS_PER_DAY, 29 * MS_PER_DAY // 15)
# A month of 30 days may hold parts of six weeks, and of four pairs of weeks.
WEEK = Step("1 week", 7 * MS_PER_DAY, 5 * MS_PER_DAY)
TWO_WEEKS = Step("2 weeks", 14 * MS_PER_DAY, 7 * MS_PER_DAY)
MONTH = Step("1 month", 31 * MS_PER_DAY, 28 * MS_PER_DAY)

# The lengths that people can read.
STEPS = (HOUR, *map(_hours, (2, 3, 4, 6, 8, 12)), DAY, TWO_DAYS, WEEK, TWO_WEEKS, MONTH)


def choose_step(span_ms: int, max_buckets: int, at_least: Step = HOUR, at_least_ms: int = 0) -> Step:
    """Return the shortest step with which a span takes at most `max_buckets` buckets, or months if none does.

    Args:
        span_ms: how long the series is.
        max_buckets: how many points are wanted at most.
        at_least: nothing shorter than this.
        at_least_ms: nor than this, except months.
    """
    wanted_ms = -(-span_ms // max(1, max_buckets - 1))
    for step in STEPS[STEPS.index(at_least) :]:
        if step.shortest_ms >= wanted_ms and step.length_ms >= at_least_ms:
            return step
    return MONTH


@dataclass(frozen=True)
class Grid:
    """Buckets of one length, side by side.

    Hours are those of :class:`billing.local_time.LocalTime`. Several hours and days begin at full hours of local time
    and at midnight, pairs of days on the first day of a month and every other one after it, weeks on Mondays.

    Args:
        step: how long they are.
        calendar: the months, and the zone.
    """

    step: Step
    calendar: MonthCalendar

    def bounds_ms(self, timestamp_ms: int) -> tuple[int, int]:
        """Return start (inclusive) and end (exclusive) of the bucket that holds an instant, in milliseconds."""
        local, length_ms = self.calendar.local, self.step.length_ms
        if self.step == HOUR:
            return local.hour_start_ms(timestamp_ms), local.hour_end_ms(timestamp_ms)
        month_start_ms, month_end_ms = self.calendar.bounds_ms(self.calendar.month_of(timestamp_ms))
        if self.step == MONTH:
            return month_start_ms, month_end_ms
        anchor_ms = self._anchor_ms(month_start_ms)
        number = (local.local_ms(timestamp_ms) - anchor_ms) // length_ms
        # Where clocks go back, a local time may be shown again after a later bucket has begun.
        while (end_ms := local.first_reach(anchor_ms + (number + 1) * length_ms)) <= timestamp_ms:
            number += 1
        start_ms = local.first_reach(anchor_ms + number * length_ms)
        return max(start_ms, month_start_ms), min(end_ms, month_end_ms)

    def starts_ms(self, first_ms: int, last_ms: int) -> Iterator[int]:
        """Yield the starts of the buckets from that of one instant to that of another, without holes."""
        if self.step == HOUR:
            yield from self.calendar.local.hours(self.bounds_ms(first_ms)[0], last_ms + 1)
            return
        at_ms = first_ms
        while at_ms <= last_ms:
            start_ms, at_ms = self.bounds_ms(at_ms)
            yield start_ms

    def _anchor_ms(self, month_start_ms: int) -> int:
        """Return a local time at which a bucket of this month begins."""
        if self.step == TWO_DAYS:
            local_ms = self.calendar.local.local_ms(month_start_ms)
            return local_ms - local_ms % MS_PER_DAY
        return _MONDAY_MS if self.step in (WEEK, TWO_WEEKS) else 0
