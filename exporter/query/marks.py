"""Marks on the axis of time: where a month ends, and when its invoices were issued."""

from dataclasses import dataclass

from billing.invoice import MonthClose
from billing.money import format_minor, format_rounded
from billing.period import MonthCalendar
from billing.sums import total_micros
from exporter.model.view import View


@dataclass(frozen=True)
class Mark:
    """One annotation; `time_ms` is where it stands."""

    time_ms: int
    title: str
    text: str
    tags: tuple[str, ...]


def marks(view: View, calendar: MonthCalendar, currency: str, at: str = "month_end") -> list[Mark]:
    """Return the annotations, oldest first.

    Args:
        view: what is known.
        calendar: the months.
        currency: of the amounts.
        at: ``month_end`` puts each month that has ended at its end, in event time; ``closed`` puts each month whose
            invoices are issued where that was done, by the wall clock.
    """
    closed = {close.month: close for close in view.invoices.closed()}
    if at == "closed":
        return [_closed(close, close.closed_at_ms) for close in closed.values()]
    as_of_ms, found = view.as_of_ms, []
    for month in sorted({*view.months(), *closed}):
        end_ms = calendar.bounds_ms(month)[1]
        if month in closed:
            found.append(_closed(closed[month], end_ms))
        elif as_of_ms is not None and as_of_ms >= end_ms:
            total = format_rounded(total_micros(view.month_sums(month)), currency)
            text = f"{total} {currency} so far; the invoices are not issued yet"
            found.append(Mark(end_ms, f"{month} has ended", text, ("month", "open")))
    return found


def _closed(close: MonthClose, at_ms: int) -> Mark:
    text = f"{close.invoices} invoices, {format_minor(close.total_minor, close.currency)} {close.currency}"
    return Mark(at_ms, f"{close.month} is closed", text, ("month", "final"))
