"""A month against the month before it, which is compared up to the same time into the month."""

from dataclasses import dataclass

from billing.period import MonthCalendar, add_months
from billing.sums import NO_SUMS, Sums, of_slot, plus, total_micros
from exporter.model.view import View


@dataclass(frozen=True)
class Comparison:
    """What the month before had.

    Args:
        previous: all of it.
        to_date: up to the same time into the month, by whole hours.
        known: whether that month has any events at all.
        slot: the one type that is compared; None compares all together.
    """

    previous: Sums
    to_date: Sums
    known: bool
    slot: int | None = None

    def of_slot(self, slot: int) -> "Comparison":
        """Return the same for one type."""
        return Comparison(self.previous, self.to_date, self.known, slot)

    @property
    def previous_micros(self) -> int | None:
        """The total of the month before; None if it has no events."""
        return self._micros(self.previous) if self.known else None

    @property
    def to_date_micros(self) -> int | None:
        """The total of the month before up to the same time into it; None if it has no events."""
        return self._micros(self.to_date) if self.known else None

    def change(self, micros: int) -> float | None:
        """Return how much more `micros` is than before, as a fraction; None if there is nothing to compare with."""
        before = self.to_date_micros
        return (micros - before) / abs(before) if before else None

    def _micros(self, sums: Sums) -> int:
        return total_micros(sums) if self.slot is None else of_slot(sums, self.slot)[0]


NOTHING_BEFORE = Comparison(NO_SUMS, NO_SUMS, known=False)


def compare(view: View, calendar: MonthCalendar, month: str) -> Comparison:
    """Return the comparison of a month with the one before it."""
    previous_month = add_months(month, -1)
    if not view.has_month(previous_month):
        return NOTHING_BEFORE
    previous = view.month_sums(previous_month)
    start_ms, end_ms = calendar.bounds_ms(month)
    previous_start_ms, previous_end_ms = calendar.bounds_ms(previous_month)
    as_of_ms = view.as_of_ms
    if as_of_ms is None or as_of_ms >= end_ms:
        return Comparison(previous, previous, known=True)
    to_date = NO_SUMS
    local = calendar.local
    into_month_ms = max(0, local.local_ms(as_of_ms) - local.local_ms(start_ms))
    until_ms = min(previous_end_ms, local.first_reach(local.local_ms(previous_start_ms) + into_month_ms))
    for _, sums in view.hours(previous_start_ms, until_ms):
        to_date = plus(to_date, sums)
    return Comparison(previous, to_date, known=True)
