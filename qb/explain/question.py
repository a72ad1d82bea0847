"""What the command line asks: a customer's month, perhaps of one type, or an invoice."""

import re
from collections.abc import Container
from dataclasses import dataclass

from billing.errors import OperatorError
from billing.event import EventRejectedError, check_customer
from billing.period import parse_month

_NUMBER = re.compile(r"([0-9]{4}-(?:0[1-9]|1[0-2]))-[0-9]{6,}")


@dataclass(frozen=True)
class MonthQuestion:
    """Asks what a customer's month is made of; an empty type asks of all."""

    customer: str
    month: str
    type: str


@dataclass(frozen=True)
class InvoiceQuestion:
    """Asks what an invoice bills, by its number and the invoice month that this names."""

    number: str
    month: str


Question = MonthQuestion | InvoiceQuestion


def parse_question(subject: str, month: str | None, type_: str | None, types: Container[str]) -> Question:
    """Return what is asked.

    Args:
        subject: a customer, or an invoice number if that is all.
        month: the billing period.
        type_: the event type, in any case.
        types: those there are.

    Raises:
        OperatorError: the words make no question.
    """
    if month is None:
        match = _NUMBER.fullmatch(subject)
        if match is None:
            raise OperatorError(
                f"{subject[:40]!r} is no invoice number such as 2026-10-000042; to explain a customer's month, add the "
                "month as YYYY-MM"
            )
        return InvoiceQuestion(subject, match[1])
    try:
        return MonthQuestion(check_customer(subject), parse_month(month), _type(type_, types))
    except (ValueError, EventRejectedError) as error:
        raise OperatorError(error.detail if isinstance(error, EventRejectedError) else str(error)) from None


def _type(type_: str | None, types: Container[str]) -> str:
    name = (type_ or "").upper()
    if name and name not in types:
        raise ValueError(f"type {name[:40]!r} is none of the setting types")
    return name
