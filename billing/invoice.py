"""Invoices: what a customer is billed for one month, and how the amounts on it come about.

Each month has its own word: the *invoice month* is the one an invoice closes, the *usage month* the one an amount
was incurred in. An invoice bills, per usage month up to its own, the current total minus what was billed so far.

Rounding: a line adds what earlier lines of the same customer and type left over (`carried_micros`) to its exact
amount and rounds the sum once, half-up to the currency's minor unit (the cent of EUR, the whole yen). What that leaves
over (at most half a unit, and signed) goes to the next line. So, for each customer and type, over any number of
invoices::

    sum of exact_micros = micros of the minor unit * sum of amount_minor + what is left over now
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from billing.money import micros_per_minor, round_to_minor
from billing.subtotal import TypeSums

NUMBER_DIGITS = 6

# Type -> micros left over from rounding, none of them zero.
Residues = Mapping[str, int]


class InvoiceKind(StrEnum):
    """What an invoice is to the customer."""

    INVOICE = "invoice"
    """The total is zero or more: the customer owes it."""

    CREDIT_NOTE = "credit_note"
    """The total is negative: the customer gets it back."""


@dataclass(frozen=True, slots=True)
class Line:
    """One rounded amount: a usage month and type, and what is billed of it here.

    Args:
        month: the usage month; on an adjustment, earlier than the invoice month.
        type: the event type.
        count: events billed here and not before.
        exact_micros: the amount billed here and not before, unrounded.
        carried_micros: what the line before it, of the same customer and type, left over.
        amount_minor: the two of them together in minor units, rounded half-up: what is to be paid.
    """

    month: str
    type: str
    count: int
    exact_micros: int
    carried_micros: int
    amount_minor: int

    def residue_micros(self, currency: str) -> int:
        """Return what this line leaves over for the next: at most half a minor unit, and signed."""
        return self.exact_micros + self.carried_micros - self.amount_minor * micros_per_minor(currency)


@dataclass(frozen=True, slots=True)
class Invoice:
    """An issued invoice. It never changes; what comes later is on a later one.

    Args:
        number: ``YYYY-MM-`` and a number from 1 on without gaps within the month, six digits or more.
        customer: who pays.
        month: the invoice month.
        currency: ISO 4217 code of all its amounts.
        issued_at_ms: when it was issued, in milliseconds.
        lines: the invoice month's own usage, by type.
        adjustments: usage of earlier months that was not billed yet, by month and type.
        offsets: input partition -> offset up to which, exclusive, its records were counted.
    """

    number: str
    customer: str
    month: str
    currency: str
    issued_at_ms: int
    lines: tuple[Line, ...]
    adjustments: tuple[Line, ...]
    offsets: Mapping[int, int]

    @property
    def all_lines(self) -> tuple[Line, ...]:
        """Adjustments and lines, in the order in which the carried amounts run through them."""
        return self.adjustments + self.lines

    @property
    def total_minor(self) -> int:
        """What is to be paid, in minor units: the sum of the rounded lines."""
        return sum(line.amount_minor for line in self.all_lines)

    @property
    def exact_micros(self) -> int:
        """The unrounded sum of what this invoice bills."""
        return sum(line.exact_micros for line in self.all_lines)

    @property
    def count(self) -> int:
        """The events that this invoice bills."""
        return sum(line.count for line in self.all_lines)

    @property
    def document(self) -> InvoiceKind:
        """Whether the customer owes the total or gets it back."""
        return InvoiceKind.CREDIT_NOTE if self.total_minor < 0 else InvoiceKind.INVOICE


@dataclass(frozen=True, slots=True)
class Closing:
    """How far the closing of a month has come: what its invoices issued so far are.

    Args:
        month: the invoice month.
        invoices: how many are issued; they are numbered from 1 to this.
        total_minor: the sum of their totals, in minor units.
        exact_micros: the sum of what they bill, unrounded.
        last_customer: whose the last one is; customers come in the order of their code points.
    """

    month: str
    invoices: int = 0
    total_minor: int = 0
    exact_micros: int = 0
    last_customer: str = ""

    def after(self, invoice: Invoice) -> "Closing":
        """Return how far it has come once `invoice` is issued."""
        return Closing(
            month=self.month,
            invoices=self.invoices + 1,
            total_minor=self.total_minor + invoice.total_minor,
            exact_micros=self.exact_micros + invoice.exact_micros,
            last_customer=invoice.customer,
        )


@dataclass(frozen=True, slots=True)
class MonthClose:
    """The record that ends a month: all its invoices are issued, and no more will be.

    Args:
        month: the invoice month.
        currency: ISO 4217 code of its amounts.
        closed_at_ms: when the month close was written, in milliseconds.
        invoices: how many were issued; they are numbered from 1 to this.
        total_minor: the sum of their totals, in minor units.
        exact_micros: the sum of what they bill, unrounded.
        offsets: input partition -> offset up to which, exclusive, its records were counted at the end.
    """

    month: str
    currency: str
    closed_at_ms: int
    invoices: int
    total_minor: int
    exact_micros: int
    offsets: Mapping[int, int]

    @property
    def first_number(self) -> str:
        """The first invoice's number, empty if the month has none."""
        return invoice_number(self.month, 1) if self.invoices else ""

    @property
    def last_number(self) -> str:
        """The last invoice's number, empty if the month has none."""
        return invoice_number(self.month, self.invoices) if self.invoices else ""


def invoice_number(month: str, ordinal: int) -> str:
    """Return the number of a month's `ordinal`-th invoice, counted from 1: ``2026-10-000042``."""
    return f"{month}-{ordinal:0{NUMBER_DIGITS}d}"


def invoice_ordinal(number: str) -> int:
    """Return what :func:`invoice_number` was given: the place of an invoice within its month, from 1 on."""
    return int(number[len("YYYY-MM-") :])


def not_billed(total: TypeSums, billed: TypeSums) -> dict[str, tuple[int, int]]:
    """Return current total minus billed so far, by type and without the types where both parts are zero."""
    difference = {}
    for type_ in sorted({*total, *billed}):
        micros, count = total.get(type_, (0, 0))
        billed_micros, billed_count = billed.get(type_, (0, 0))
        if micros != billed_micros or count != billed_count:
            difference[type_] = (micros - billed_micros, count - billed_count)
    return difference


def make_lines(
    to_bill: Mapping[str, TypeSums], carried: Residues, currency: str
) -> tuple[tuple[Line, ...], dict[str, int]]:
    """Return the lines for what is to bill, by usage month and type, and what they leave over.

    Args:
        to_bill: usage month -> what :func:`not_billed` says of it.
        carried: what the customer's earlier invoices left over.
        currency: ISO 4217 code; its minor unit is what a line is rounded to.
    """
    left = dict(carried)
    lines = []
    for month in sorted(to_bill):
        for type_, (exact_micros, count) in sorted(to_bill[month].items()):
            carried_micros = left.get(type_, 0)
            amount_minor = round_to_minor(exact_micros + carried_micros, currency)
            line = Line(month, type_, count, exact_micros, carried_micros, amount_minor)
            left[type_] = line.residue_micros(currency)
            lines.append(line)
    return tuple(lines), {type_: micros for type_, micros in left.items() if micros}


def make_invoice(
    ordinal: int,
    customer: str,
    month: str,
    to_bill: Mapping[str, TypeSums],
    carried: Residues,
    *,
    currency: str,
    issued_at_ms: int,
    offsets: Mapping[int, int],
) -> tuple[Invoice, dict[str, int]]:
    """Return an invoice and what its rounding leaves over, by type.

    Args:
        ordinal: its place within the month, from 1 on.
        customer: who pays.
        month: the invoice month.
        to_bill: usage month -> what :func:`not_billed` says of it.
        carried: what the customer's earlier invoices left over, by type.
        currency: ISO 4217 code.
        issued_at_ms: now, in milliseconds.
        offsets: input partition -> offset up to which, exclusive, it was counted.

    Raises:
        ValueError: there is nothing to bill, or a usage month lies after the invoice month.
    """
    lines, left = make_lines(to_bill, carried, currency)
    if not lines:
        raise ValueError(f"nothing to bill {customer!r} for {month}")
    if max(to_bill) > month:
        raise ValueError(f"an invoice for {month} cannot bill {max(to_bill)}")
    invoice = Invoice(
        number=invoice_number(month, ordinal),
        customer=customer,
        month=month,
        currency=currency,
        issued_at_ms=issued_at_ms,
        lines=tuple(line for line in lines if line.month == month),
        adjustments=tuple(line for line in lines if line.month < month),
        offsets=offsets,
    )
    return invoice, left
