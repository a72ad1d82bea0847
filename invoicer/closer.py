"""Closing a month: its invoices are issued in chunks, each of them one transaction, and the month close comes last."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from billing import ledger
from billing.clock import Clock
from billing.invoice import Closing, Invoice, MonthClose, make_invoice
from billing.ledger import BilledKey, CarriedKey, InvoiceKey, MonthCloseKey
from billing.runtime.logs import get_logger
from billing.runtime.signals import NEVER, StopFlag
from billing.subtotal import encode_sums
from invoicer.accounts import Accounts
from invoicer.issued import KeyValue, closing_record
from invoicer.steps import Step, Steps, ignore_step

logger = get_logger(__name__)


class LedgerWriter(Protocol):
    """Writes records of the ledger."""

    def commit(self, records: Sequence[KeyValue]) -> None:
        """Write all records, in their order, or none.

        Raises:
            OperatorError: it is not known to be written; whoever goes on must read the ledger anew.
        """
        ...


class Outcome(Enum):
    """How the closing of a month ended."""

    CLOSED = "closed"
    """All its invoices are issued and the month close is written."""

    INTERRUPTED = "interrupted"
    """It was asked to stop; the next closing goes on after the last invoice issued."""


@dataclass(frozen=True)
class CloseReport:
    """How far the closing of a month has come: customers looked at, of those that may have something to bill."""

    month: str
    done: int
    candidates: int
    closing: Closing


@dataclass(frozen=True)
class Closer:
    """Closes the months of the accounts.

    Args:
        accounts: totals and ledger; what is written is taken into it.
        writer: where the ledger is written.
        clock: what the invoices are dated by.
        currency: ISO 4217 code.
        chunk_invoices: how many invoices one transaction issues at most.
        report: told at the start and after each chunk.
        steps: told of each step.
    """

    accounts: Accounts
    writer: LedgerWriter
    clock: Clock
    currency: str
    chunk_invoices: int
    report: Callable[[CloseReport], None] = lambda _: None
    steps: Steps = ignore_step

    def close(self, month: str, stop: StopFlag = NEVER) -> Outcome:
        """Issue the invoices of a month that are not issued yet, then write its month close.

        0. Write what belongs to the last invoice and is not there, if its transaction was cut in two.
        1. List the customers that may have something to bill, by name, after the one invoiced last.
        2. For each chunk of them: make the invoices from what the accounts hold, and commit them together with what
           is billed and carried now and how far the closing has come; then take the same records into the accounts.
        3. Commit the month close and take it in.

        Since the cursor is the last customer's name and the number the count of invoices, both of them in the
        ledger, a closing that was cut short anywhere goes on without a gap and without billing anyone twice.

        Args:
            month: the month; it must not be closed, and no later one either.
            stop: asked after each chunk.

        Raises:
            OperatorError: the ledger could not be written, or the totals hold less than was billed.
        """
        self.steps(Step.CLOSE_STARTED)
        # Step 0.
        self._complete_torn()
        closing = self._resumed(month)
        # Step 1.
        candidates = self._candidates(closing)
        self.report(CloseReport(month, 0, len(candidates), closing))
        # Step 2.
        for done, chunk in self._chunks(closing, candidates):
            if chunk:
                closing = self._issue(closing, chunk)
            self.report(CloseReport(month, done, len(candidates), closing))
            if stop.requested:
                logger.info("closing interrupted", month=month, issued=closing.invoices)
                return Outcome.INTERRUPTED
        self.steps(Step.ALL_ISSUED)
        # Step 3.
        self._write_close(closing)
        self.steps(Step.CLOSED)
        return Outcome.CLOSED

    def _complete_torn(self) -> None:
        """Write the records that the accounts hold already, and the ledger does not."""
        if self.accounts.missing:
            logger.warning("a transaction was cut in two: writing what it lacks", records=len(self.accounts.missing))
            self.writer.commit(self.accounts.missing)
            self.accounts.completed()

    def _resumed(self, month: str) -> Closing:
        half_closed = self.accounts.half_closed
        return half_closed if half_closed and half_closed.month == month else Closing(month)

    def _candidates(self, closing: Closing) -> list[int]:
        name_of = self.accounts.customers.name_of
        numbers = self.accounts.maybe_open(closing.month)
        if closing.invoices:
            numbers = [number for number in numbers if name_of(number) > closing.last_customer]
        return numbers

    def _chunks(
        self, closing: Closing, candidates: Sequence[int]
    ) -> Iterator[tuple[int, list[tuple[Invoice, list[KeyValue]]]]]:
        """Yield, chunk by chunk, how many candidates are done and their invoices with the records of each."""
        now_ms = self.clock.now_ms()
        offsets = self.accounts.offsets
        ordinal = closing.invoices
        chunk: list[tuple[Invoice, list[KeyValue]]] = []
        for done, number in enumerate(candidates, 1):
            to_bill = self.accounts.to_bill(number, closing.month)
            if to_bill:
                ordinal += 1
                invoice, residues = make_invoice(
                    ordinal,
                    self.accounts.customers.name_of(number),
                    closing.month,
                    to_bill,
                    self.accounts.carried(number),
                    currency=self.currency,
                    issued_at_ms=now_ms,
                    offsets=offsets,
                )
                chunk.append((invoice, self._records(number, invoice, residues)))
            if len(chunk) == self.chunk_invoices:
                yield done, chunk
                chunk = []
        if chunk:
            yield len(candidates), chunk

    def _records(self, number: int, invoice: Invoice, residues: dict[str, int]) -> list[KeyValue]:
        """Return the records that issue an invoice: itself, and what it changes."""
        customer = invoice.customer
        records = [
            (ledger.encode_key(InvoiceKey(invoice.month, customer)), ledger.encode_invoice(invoice)),
            *(
                (ledger.encode_key(BilledKey(month, customer)), encode_sums(self.accounts.total(month, number)))
                for month in sorted({line.month for line in invoice.all_lines})
            ),
        ]
        if residues != self.accounts.carried(number):
            records.append((ledger.encode_key(CarriedKey(customer)), ledger.encode_carried(residues)))
        return records

    def _issue(self, closing: Closing, chunk: Sequence[tuple[Invoice, list[KeyValue]]]) -> Closing:
        records = []
        for invoice, changes in chunk:
            closing = closing.after(invoice)
            records += changes
        records.append(closing_record(closing))
        self._commit(records)
        self.steps(Step.CHUNK_ISSUED)
        return closing

    def _write_close(self, closing: Closing) -> None:
        close = MonthClose(
            month=closing.month,
            currency=self.currency,
            closed_at_ms=self.clock.now_ms(),
            invoices=closing.invoices,
            total_minor=closing.total_minor,
            exact_micros=closing.exact_micros,
            offsets=self.accounts.offsets,
        )
        self._commit([(ledger.encode_key(MonthCloseKey(close.month)), ledger.encode_close(close))])

    def _commit(self, records: Sequence[KeyValue]) -> None:
        self.writer.commit(records)
        for key, value in records:
            self.accounts.read_ledger(key, value)
