"""The documents of the REST paths, as types: docs/api.md tells the same, and the OpenAPI document follows from them."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from billing.invoice import InvoiceKind
from billing.listed_record import Fate
from exporter.model.view import MonthStatus
from exporter.web.shapes import Cents, Money, MonthName, Rounded, Time, closed


@closed
class Amount(TypedDict):
    """An amount: exact, rounded if the currency is EUR, and the currency."""

    total: Money
    totalEur: NotRequired[Cents]
    currency: str


@closed
class Slot(TypedDict):
    """One type's part of a customer's month."""

    total: Money
    count: int


@closed
class Month(Amount):
    """One month over all customers."""

    month: MonthName
    count: int
    status: MonthStatus


@closed
class Type(Month):
    """One type's month."""

    type: str
    as_of: Time | None


@closed
class Customer(Month):
    """One customer's month."""

    customer: str
    types: dict[str, Slot]
    as_of: Time | None


@closed
class Customers(TypedDict):
    """A page of customers."""

    customers: list[Customer]
    next: str | None
    month: MonthName | None
    as_of: Time | None


@closed
class BudgetUse(TypedDict):
    """How much of a budget is used: amounts are exact, with a currency; numbers of events have none."""

    budget: str
    type: str | None
    used: str
    limit: str
    currency: str | None
    used_ratio: float
    reached_percent: int | None


@closed
class CustomerBudgets(TypedDict):
    """The budgets of one customer in a month."""

    customer: str
    month: MonthName | None
    budgets: list[BudgetUse]
    as_of: Time | None


@closed
class Event(TypedDict):
    """A record of the input that names the customer, and what became of it."""

    partition: int | None
    offset: int | None
    time: Time | None
    month: MonthName | None
    amount: Money | None
    type: str | None
    id: str | None
    fate: Fate
    reason: str | None
    taken_offset: int | None


@closed
class EventSum(TypedDict):
    """What events add up to."""

    total: Money
    count: int


@closed
class InputRead(TypedDict):
    """How far the input is read: offsets behind, and all up to which the number counts; for a customer of 1000."""

    records: int
    of: int


@closed
class Events(TypedDict):
    """A page of a customer's events."""

    customer: str
    month: MonthName
    type: str | None
    events: list[Event]
    next: str | None
    read: InputRead
    told: EventSum
    found: EventSum
    is_it: bool | None


@closed
class Types(TypedDict):
    """All types of a month."""

    types: list[Type]
    month: MonthName | None
    as_of: Time | None


@closed
class Months(TypedDict):
    """All months."""

    months: list[Month]
    as_of: Time | None


@closed
class InvoiceLine(TypedDict):
    """One line of an invoice."""

    month: MonthName
    type: str
    count: int
    exact: Money
    carried: Money
    amount: Rounded


@closed
class InvoiceSums(TypedDict):
    """What the lines of an invoice add up to."""

    total: Rounded
    exact: Money
    count: int


@closed
class InvoiceDocument(InvoiceSums):
    """An issued invoice, or the draft of one."""

    number: str | None
    status: Literal["draft", "final"]
    document: InvoiceKind
    customer: str
    month: MonthName
    currency: str
    issued_at: Time | None
    lines: list[InvoiceLine]
    adjustments: list[InvoiceLine]
    as_of: Time | None


@closed
class Invoices(TypedDict):
    """A page of invoices."""

    invoices: list[InvoiceDocument]
    next: str | None
    month: MonthName | None
    as_of: Time | None
