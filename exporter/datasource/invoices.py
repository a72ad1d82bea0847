"""The table of issued invoices."""

from collections.abc import Iterator
from itertools import islice

from billing.invoice import Invoice
from billing.money import micros_per_minor
from exporter.datasource.frames import Frame
from exporter.datasource.tables import DEFAULT_ROWS, read_limit
from exporter.datasource.units import count_field, exact_field, money_field, text_field, time_field
from exporter.query.asked import Asked
from exporter.query.filters import passes
from exporter.query.values import read_choice


def invoices(asked: Asked) -> list[Frame]:
    """Return the invoices of the months asked for, by default of the newest that has any."""
    size = read_limit(asked, DEFAULT_ROWS)
    found = list(islice(_chosen(asked, size), size + 1))
    rows, unit = found[:size], micros_per_minor(asked.currency)
    notices = [("warning", f"the first {size} invoices are shown")] if len(found) > size else []
    return [
        Frame(
            "invoices",
            [
                text_field("number", [one.number for one in rows]),
                text_field("customer", [one.customer for one in rows]),
                text_field("month", [one.month for one in rows]),
                money_field("amount", [one.total_minor * unit for one in rows], asked.currency),
                exact_field("amount_exact", [one.exact_micros for one in rows]),
                count_field("events", [one.count for one in rows]),
                time_field("issued", [one.issued_at_ms for one in rows]),
            ],
            notices,
        )
    ]


def _chosen(asked: Asked, size: int) -> Iterator[Invoice]:
    filtered = any(one.key == "customer" for one in asked.filters)
    ledger = asked.view.invoices
    choice = read_choice("customer", asked.payload.get("customer"), asked.view.is_customer)
    for month in _months(asked):
        if choice.values is None:
            asked.view.expect(ledger.count(month) if filtered else size)
            invoices = ledger.page(month, 0)
        else:
            invoices = (one for name in choice.values if (one := ledger.get(name, month)) is not None)
        yield from (one for one in asked.view.while_wanted(invoices) if passes(asked.filters, "customer", one.customer))


def _months(asked: Asked) -> list[str]:
    issued = sorted(month for month, one in asked.view.invoices.months.items() if one.values)
    if asked.payload.get("month") in (None, "", "newest"):
        filtered = [month for month in issued if passes(asked.filters, "month", month)]
        return filtered[-1:]
    wanted = asked.months(default="all")
    return [month for month in issued if month in wanted]
