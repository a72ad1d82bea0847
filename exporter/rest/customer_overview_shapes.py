"""The document of one customer, as types: it tells of nobody else, so that a customer may have it."""

from typing_extensions import TypedDict

from exporter.model.view import MonthStatus
from exporter.rest.facts import Facts
from exporter.rest.shapes import Amount, BudgetUse, InvoiceDocument, Slot
from exporter.web.shapes import MonthName, Rounded, Time, closed


@closed
class CustomerWaiting(Facts):
    """What stands in the document's place while the numbers are not known."""

    ready: bool
    message: str
    read_fraction: float | None


@closed
class CustomerMonth(Amount):
    """A month in which the customer has events."""

    month: MonthName
    count: int
    status: MonthStatus
    types: dict[str, Slot]


@closed
class ShownMonth(TypedDict):
    """A month that there is something to show of: events, an invoice or the draft of one."""

    month: MonthName
    status: MonthStatus


@closed
class IssuedInvoice(TypedDict):
    """An issued invoice, without its lines."""

    number: str | None
    month: MonthName
    issued_at: Time | None
    total: Rounded
    currency: str


@closed
class CustomerOverview(Facts):
    """All that the page shows of a customer."""

    ready: bool
    message: str | None
    as_of: Time | None
    customer: str
    month: MonthName | None
    status: MonthStatus | None
    shown_months: list[ShownMonth]
    months: list[CustomerMonth]
    types: list[str]
    invoices: list[IssuedInvoice]
    invoice: InvoiceDocument | None
    budgets: list[BudgetUse]
