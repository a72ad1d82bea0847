"""Money and months as metrics: the open month, which is the newest one with events, and the one before it."""

from collections.abc import Iterator
from itertools import repeat

from billing.currency import metric_suffix
from billing.money import micros_per_minor, micros_to_float
from billing.period import add_months
from billing.settings import Settings
from billing.sums import Sums, of_slot, total_micros
from exporter.metrics.family import Family, Row, counter, gauge, single
from exporter.model.view import View

OTHER_CUSTOMERS = "_other"

_BY_TYPE = ("event_type", "month")


def shown_months(view: View) -> list[str]:
    """Return the previous and the open month; none before the first event."""
    newest = view.newest_month()
    return [] if newest is None else [add_months(newest, -1), newest]


def money(view: View, settings: Settings) -> list[Family]:
    """Return what is known about the two months."""
    months, word = shown_months(view), metric_suffix(settings.currency)
    sums = {month: view.month_sums(month) for month in months}
    periods = zip(months, ("previous", "open"), strict=False)
    families = [
        gauge("billing_month_info", "Which month is which", ("month", "period"), [(pair, 1) for pair in periods]),
        gauge(f"billing_subtotal_{word}", "Total of a month by event type", _BY_TYPE,
              [(label, micros_to_float(total)) for label, total, _ in _by_type(view, sums)]),
        gauge("billing_subtotal_events", "Events in a month's total by event type", _BY_TYPE,
              [(label, count) for label, _, count in _by_type(view, sums)]),
        gauge("billing_active_customers", "Customers with an event of that type in that month", _BY_TYPE,
              _active(view, months)),
        *_invoices(view, months, settings.currency),
    ]  # fmt: skip
    if settings.customer_series_limit:
        families.append(_customers(view, sums, word, settings.customer_series_limit))
    return families


def _by_type(view: View, sums: dict[str, Sums]) -> Iterator[tuple[tuple[str, str], int, int]]:
    for month, of_month in sums.items():
        for slot, name in enumerate(view.types.names):
            yield (name, month), *of_slot(of_month, slot)


def _active(view: View, months: list[str]) -> Iterator[Row]:
    for month in months:
        for slot, name in enumerate(view.types.names):
            yield (name, month), view.active_customers(month, slot)


def _customers(view: View, sums: dict[str, Sums], word: str, limit: int) -> Family:
    rows: list[Row] = []
    for month, of_month in sums.items():
        rest = total_micros(of_month)
        # A customer of that name counts among the others: two series must not have the same labels.
        names, totals = view.highest_totals(month, limit, OTHER_CUSTOMERS)
        rest -= sum(totals)
        labels = zip(names, repeat(month), strict=False)
        rows += zip(labels, map(micros_to_float, totals), strict=True)
        rows.append(((OTHER_CUSTOMERS, month), micros_to_float(rest)))
    text = f"Total of a month by customer: the highest, the rest as {OTHER_CUSTOMERS}"
    return gauge(f"billing_customer_subtotal_{word}", text, ("customer", "month"), rows)


def _invoices(view: View, months: list[str], currency: str) -> list[Family]:
    invoices = [(month, view.invoices.months.get(month)) for month in months]
    unit = micros_per_minor(currency)
    totals: list[Row] = [
        ((month,), micros_to_float(issued.total_minor * unit) if issued else 0.0) for month, issued in invoices
    ]
    numbers: list[Row] = [((month,), len(issued.values) if issued else 0) for month, issued in invoices]
    return [
        gauge(
            f"billing_invoiced_{metric_suffix(currency)}",
            "Total of the invoices issued for a month",
            ("month",),
            totals,
        ),
        gauge("billing_invoices", "Invoices issued for a month", ("month",), numbers),
        single(counter, "billing_months_closed", "Months closed so far", len(view.invoices.closed())),
    ]


def limited(families: list[Family], limit: int) -> tuple[list[Family], int]:
    """Return families with at most `limit` series together, and how many are left out: the last ones."""
    kept, room = [], limit
    for family in families:
        rows = family.rows[: max(0, room)]
        room -= len(family.rows)
        kept.append(Family(family.name, family.kind, family.help, family.labels, rows))
    return kept, max(0, -room)
