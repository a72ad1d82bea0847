"""The JSON shapes of the REST paths."""

from dataclasses import dataclass
from functools import cached_property

from billing.money import format_micros, format_rounded
from billing.period import format_timestamp
from billing.sums import Sums, event_count, total_micros
from exporter.model.view import View
from exporter.rest.shapes import Amount, Customer, Month, Slot, Type
from exporter.web.context import Context
from exporter.web.problems import ProblemError


def timestamp(timestamp_ms: int | None) -> str | None:
    """Return a time as RFC 3339 in UTC, None if there is none."""
    return None if timestamp_ms is None else format_timestamp(timestamp_ms)


def require_month(view: View, month: str | None) -> None:
    """Go on if a month has events, or none is asked for.

    Raises:
        ProblemError: it has none.
    """
    if month is not None and not view.has_month(month):
        raise ProblemError(404, "unknown_month", f"there are no events in {month}")


@dataclass(frozen=True)
class Documents:
    """Makes the documents of one answer, all from one view.

    Args:
        context: of the application.
        view: what is known.
    """

    context: Context
    view: View

    @cached_property
    def as_of(self) -> str | None:
        """The newest event time counted."""
        return timestamp(self.view.as_of_ms)

    @property
    def currency(self) -> str:
        """The deployment's one currency."""
        return self.context.settings.currency

    def money(self, micros: int) -> Amount:
        """Return an amount: exact, rounded if the currency is EUR, and the currency."""
        currency = self.currency
        total = format_micros(micros)
        if currency == "EUR":
            return {"total": total, "totalEur": format_rounded(micros, currency), "currency": currency}
        return {"total": total, "currency": currency}

    def types(self, sums: Sums) -> dict[str, Slot]:
        """Return totals and counts by type."""
        unpacked = self.view.types.unpack(sums)
        return {name: {"total": format_micros(total), "count": count} for name, (total, count) in unpacked.items()}

    def customer(self, customer: str, month: str, sums: Sums) -> Customer:
        """Return one customer's month."""
        return {
            "customer": customer,
            "month": month,
            **self.money(total_micros(sums)),
            "count": event_count(sums),
            "types": self.types(sums),
            "status": self.view.status(month),
            "as_of": self.as_of,
        }

    def type(self, name: str, month: str, total: int, count: int) -> Type:
        """Return one type's month."""
        return {
            "type": name,
            "month": month,
            **self.money(total),
            "count": count,
            "status": self.view.status(month),
            "as_of": self.as_of,
        }

    def month(self, month: str) -> Month:
        """Return one month over all customers."""
        sums = self.view.month_sums(month)
        return {
            "month": month,
            **self.money(total_micros(sums)),
            "count": event_count(sums),
            "status": self.view.status(month),
        }
