"""The columns of the tables about money, each made from rows in one place, so that it means the same everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.money import average_micros
from exporter.datasource.frames import Field, Frame
from exporter.datasource.units import (
    count_field,
    exact_field,
    fraction_field,
    money_field,
    price_digits,
    text_field,
    time_field,
)
from exporter.model.comparison import NOTHING_BEFORE, Comparison
from exporter.query.asked import Asked


@dataclass(frozen=True)
class Row:
    """What a row may be made of; a column takes what it shows."""

    month: str
    status: str
    total: int
    count: int
    customer: str = ""
    type: str = ""
    customers: int = 0
    share: float | None = None
    comparison: Comparison = NOTHING_BEFORE


def table(
    asked: Asked,
    name: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    months: Sequence[str],
    notices: Sequence[tuple[str, str]] = (),
) -> Frame:
    """Return a table; a month that is still open is told in a notice."""
    still_open = [month for month in months if asked.view.status(month) == "open"]
    told = [("info", f"{', '.join(still_open)} is still open")] if still_open else []
    return Frame(name, [_column(asked, column, rows) for column in columns], [*notices, *told])


def _column(asked: Asked, name: str, rows: Sequence[Row]) -> Field:
    bounds_ms = asked.context.calendar.bounds_ms
    match name:
        case "revenue":
            return money_field(name, [row.total for row in rows], asked.currency)
        case "revenue_exact":
            return exact_field(name, [row.total for row in rows])
        case "average_price":
            return money_field(
                name,
                [average_micros(row.total, row.count) for row in rows],
                asked.currency,
                price_digits(asked.currency),
            )
        case "previous_revenue":
            return money_field(name, [row.comparison.previous_micros for row in rows], asked.currency)
        case "previous_to_date":
            return money_field(name, [row.comparison.to_date_micros for row in rows], asked.currency)
        case "change":
            return fraction_field(name, [row.comparison.change(row.total) for row in rows])
        case "share":
            return fraction_field(name, [row.share for row in rows])
        case "events":
            return count_field(name, [row.count for row in rows])
        case "customers":
            return count_field(name, [row.customers for row in rows])
        case "month_start":
            return time_field(name, [bounds_ms(row.month)[0] for row in rows])
        case "month_end":
            return time_field(name, [bounds_ms(row.month)[1] for row in rows])
        case _:
            return text_field(name, [getattr(row, name) for row in rows])
