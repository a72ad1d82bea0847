"""The flat rows for tools, as types."""

from typing import NotRequired

from typing_extensions import TypedDict

from exporter.model.view import MonthStatus
from exporter.web.shapes import Money, MonthName, Time, closed


@closed
class RowMoney(TypedDict):
    """An amount: exact, and the number beside it."""

    total: Money
    amount: float
    count: int


@closed
class TypeRow(RowMoney):
    """A month and type over all customers."""

    month: MonthName
    type: str
    status: MonthStatus


@closed
class SubtotalRow(TypeRow):
    """The same, of one customer if they are named."""

    customer: NotRequired[str]


@closed
class HourRow(RowMoney):
    """An hour and type."""

    time: Time
    hour_start_ms: int
    type: str


@closed
class MonthRow(RowMoney):
    """A month."""

    month: MonthName
    month_start: Time
    month_end: Time
    customers: int
    status: MonthStatus


@closed
class CustomerRow(RowMoney):
    """A customer of a month."""

    customer: str
    month: MonthName
    status: MonthStatus


@closed
class AnnotationRow(TypedDict):
    """A month that has ended."""

    time: Time
    time_end: Time
    title: str
    text: str
    tags: list[str]
