"""Checks of the ledger: what is billed, how it is rounded, how invoices are numbered, and what is still open."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from billing.currency import minor_digits
from billing.event import BillableEvent
from billing.invoice import Closing, Invoice, Line, MonthClose, invoice_ordinal
from billing.ledger import (
    BilledKey,
    CarriedKey,
    ClosingKey,
    InvoiceKey,
    MonthCloseKey,
    decode_carried,
    decode_close,
    decode_closing,
    decode_invoice,
    decode_key,
)
from billing.money import format_micros, format_minor
from billing.period import MonthCalendar
from billing.subtotal import RecordError, decode_sums
from qb.audit.findings import Check, Findings
from qb.audit.scratch import Amount, AmountKey, AmountRow, AmountTable, LatestTable

_MICRO_DIGITS = 6


@dataclass
class IssuedMonth:
    """What the invoices of a month add up to, and the lowest offsets that any of them counted up to."""

    invoices: int = 0
    total_minor: int = 0
    exact_micros: int = 0
    currency: str = ""
    offsets: dict[int, int] = field(default_factory=dict)

    def add(self, invoice: Invoice) -> None:
        """Take an invoice in."""
        self.invoices += 1
        self.currency = invoice.currency
        self.total_minor += sum(line.amount_minor for line in invoice.all_lines)
        self.exact_micros += sum(line.exact_micros for line in invoice.all_lines)
        self.lower(dict(invoice.offsets))

    def lower(self, offsets: dict[int, int]) -> None:
        """Keep, of each input partition, the lower offset; one that is not mentioned counts as 0."""
        if not self.offsets:
            self.offsets = dict(offsets)
        for partition in set(self.offsets) | set(offsets):
            self.offsets[partition] = min(self.offsets.get(partition, 0), offsets.get(partition, 0))


class LedgerCheck:
    """Reads the ledger and reports where it contradicts itself, or the recount.

    Args:
        database: for its tables.
        findings: where differences go.
    """

    def __init__(self, database: sqlite3.Connection, findings: Findings) -> None:
        self.closes: dict[str, MonthClose] = {}
        self._database, self._findings = database, findings
        self._closings: dict[str, Closing] = {}
        self._months: dict[str, IssuedMonth] = {}
        self._usage = AmountTable(
            database, "usage", ("month", "customer", "type"), ("lines", "billed", "used", "due", "taken")
        )
        self._rounding = AmountTable(database, "rounding", ("customer", "type"), ("lines", "carried"))
        database.execute("CREATE TABLE invoices (month TEXT, ordinal INTEGER, value BLOB)")

    def read(self, latest: LatestTable) -> None:
        """Take the newest ledger records in; call it once."""
        for key, value in latest:
            try:
                self._read(key, value)
            except RecordError as error:
                self._findings.add(Check.LEDGER, repr(key[:80]), "a ledger record", error)
        self._database.execute("CREATE INDEX invoices_by_number ON invoices (month, ordinal)")

    @property
    def newest_month(self) -> str:
        """The newest invoice month there is, empty if there is none."""
        return max([*self._months, *self.closes], default="")

    @property
    def due(self) -> tuple[str, dict[int, int]] | None:
        """The newest month whose usage must be billed to the last event, and the offsets up to which.

        It is the closed month before the newest one: what was counted when it closed and not billed then, must have
        been billed when the newest one closed. None if fewer than two months are closed.
        """
        if len(self.closes) < 2:
            return None
        month = sorted(self.closes)[-2]
        issued = self._months.get(month, IssuedMonth())
        issued.lower(dict(self.closes[month].offsets))
        return month, issued.offsets

    def note_changes(self, calendar: MonthCalendar) -> Callable[[int, int, BillableEvent, int], None]:
        """Return what adds events, by partition, offset and sign, to the sides ``due`` and ``taken``."""
        last_month, offsets = self.due or ("", {})

        def note(partition: int, offset: int, event: BillableEvent, sign: int) -> None:
            if sign > 0 and not last_month:
                return
            month = calendar.month_of(event.timestamp_ms)
            key = month, event.customer, event.type
            if month <= last_month and offset < offsets.get(partition, 0):
                self.add_usage("due", [(key, sign * event.amount_micros, sign)])
            elif sign < 0:
                self.add_usage("taken", [(key, event.amount_micros, 1)])

        return note

    def invoices_of(self, month: str) -> Iterator[Invoice]:
        """Yield the invoices of a month in the order of their numbers."""
        for (value,) in self._database.execute("SELECT value FROM invoices WHERE month = ? ORDER BY ordinal", (month,)):
            yield decode_invoice(value)

    def add_usage(self, side: str, rows: Iterable[AmountRow]) -> None:
        """Take in what the recount says: rows under (month, customer, type).

        Args:
            side: ``used`` for all of it, ``due`` for what :attr:`due` asks for, ``taken`` for the events that were
                taken back later than that: the invoices may know of it or not.
            rows: the sums.
        """
        self._usage.add(side, rows)

    def check(self) -> None:
        """Report every difference. The recount must have been added."""
        self._check_amounts()
        for month in sorted({*self._months, *self.closes, *self._closings}):
            self._check_numbers(month)
            self._check_close(month)

    @property
    def billed(self) -> Amount:
        """All that is billed."""
        return self._usage.total("lines")

    def _read(self, key: bytes, value: bytes) -> None:
        match decode_key(key):
            case InvoiceKey(month, customer):
                self._read_invoice(month, customer, value)
            case BilledKey(month, customer):
                sums = decode_sums(value).items()
                self._usage.add("billed", (((month, customer, type_), *amount) for type_, amount in sums))
            case CarriedKey(customer):
                residues = decode_carried(value).items()
                self._rounding.add("carried", (((customer, type_), micros, 0) for type_, micros in residues))
            case ClosingKey(month):
                self._closings[month] = decode_closing(value)
            case MonthCloseKey(month):
                self.closes[month] = decode_close(value)

    def _read_invoice(self, month: str, customer: str, value: bytes) -> None:
        invoice = decode_invoice(value)
        subject = f"invoice {invoice.number}"
        self._findings.compare(Check.LEDGER, subject, (month, customer), (invoice.month, invoice.customer))
        self._findings.compare(Check.NUMBERS, f"{customer}'s invoice of {month}", month, invoice.number[: len(month)])
        self._database.execute("INSERT INTO invoices VALUES (?, ?, ?)", (month, _ordinal(invoice.number), value))
        self._months.setdefault(month, IssuedMonth()).add(invoice)
        unit_micros = 10 ** (_MICRO_DIGITS - minor_digits(invoice.currency))
        for line in invoice.all_lines:
            self._check_line(subject, line, invoice.currency, unit_micros)
            self._usage.add("lines", [((line.month, customer, line.type), line.exact_micros, line.count)])
            left_micros = line.exact_micros - line.amount_minor * unit_micros
            self._rounding.add("lines", [((customer, line.type), left_micros, 0)])
        for line in invoice.lines:
            self._findings.compare(Check.LEDGER, f"{subject}, a line's month", month, line.month)
        for line in invoice.adjustments:
            if line.month >= month:
                self._findings.add(Check.LEDGER, f"{subject}, an adjustment's month", f"before {month}", line.month)

    def _check_line(self, subject: str, line: Line, currency: str, unit_micros: int) -> None:
        exact = line.exact_micros + line.carried_micros
        minor = (2 * abs(exact) + unit_micros) // (2 * unit_micros) * (-1 if exact < 0 else 1)
        what = f"{subject}, {line.month} {line.type}, rounded"
        expected, found = format_minor(minor, currency), format_minor(line.amount_minor, currency)
        self._findings.compare(Check.LEDGER, what, expected, found)

    def _check_amounts(self) -> None:
        for key, lines, billed in self._usage.unequal("lines", "billed"):
            self._findings.add(Check.LEDGER, f"{_named(key)}, billed so far", _shown(lines), _shown(billed))
        for key, used, billed in self._usage.fewer("used", "lines", "taken"):
            self._findings.add(
                Check.OPEN, f"{_named(key)}, billed of what was used", f"at most {_shown(used)}", _shown(billed)
            )
        for key, billed, due in self._usage.fewer("lines", "due", "taken"):
            self._findings.add(
                Check.OPEN, f"{_named(key)}, billed of what was due", f"at least {_shown(due)}", _shown(billed)
            )
        for key, left, carried in self._rounding.unequal("lines", "carried"):
            what = f"{key[0]} {key[1]}, carried"
            self._findings.add(Check.LEDGER, what, format_micros(left.micros), format_micros(carried.micros))

    def _check_numbers(self, month: str) -> None:
        expected = 1
        for ordinal, invoices in self._database.execute(
            "SELECT ordinal, COUNT(*) FROM invoices WHERE month = ? GROUP BY ordinal ORDER BY ordinal", (month,)
        ).fetchall():
            if ordinal != expected:
                self._findings.add(
                    Check.NUMBERS, f"invoices of {month}", f"number {expected} next", f"number {ordinal}"
                )
            if ordinal and invoices > 1:
                self._tell_shared(month, ordinal)
            expected = ordinal + 1

    def _tell_shared(self, month: str, ordinal: int) -> None:
        """Report the invoices that hold one number; who has got which amount under it is all that their owner needs."""
        invoices = [
            decode_invoice(value)
            for (value,) in self._database.execute(
                "SELECT value FROM invoices WHERE month = ? AND ordinal = ? ORDER BY rowid", (month, ordinal)
            )
        ]
        found = "; ".join(f"{invoice.customer} {_total(invoice)}" for invoice in invoices)
        expected = "one invoice, see docs/runbook.md#number-twice"
        self._findings.add(Check.NUMBERS, f"invoice {invoices[0].number}", expected, found)

    def _check_close(self, month: str) -> None:
        issued = self._months.get(month, IssuedMonth())
        month_close = self.closes.get(month) or self._closings.get(month)
        if month_close is None:
            self._findings.add(
                Check.NUMBERS, f"{month}", "a closing or a month close", f"{issued.invoices} invoices alone"
            )
            return
        what = f"{month}, as its {'month close' if month in self.closes else 'closing'} says"
        currency = month_close.currency if isinstance(month_close, MonthClose) else issued.currency
        for name, expected, found in (
            ("currency", issued.currency or currency, currency),
            ("invoices", issued.invoices, month_close.invoices),
            ("total", format_minor(issued.total_minor, currency), format_minor(month_close.total_minor, currency)),
            ("exact total", format_micros(issued.exact_micros), format_micros(month_close.exact_micros)),
        ):
            self._findings.compare(Check.NUMBERS, f"{what}: {name}", expected, found)


def _total(invoice: Invoice) -> str:
    total = sum(line.amount_minor for line in invoice.all_lines)
    return f"{format_minor(total, invoice.currency)} {invoice.currency}"


def _ordinal(number: str) -> int:
    try:
        return invoice_ordinal(number)
    except ValueError:
        return 0


def _named(key: AmountKey) -> str:
    month, customer, type_ = key
    return f"{customer} {month} {type_}"


def _shown(amount: Amount) -> str:
    return f"{format_micros(amount.micros)} ({amount.count})"
