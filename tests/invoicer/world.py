"""A world without Kafka: events are summed into subtotals, months are closed, and the invoicer may die at any step."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from billing import ledger
from billing.clock import FixedClock
from billing.invoice import Invoice
from billing.ledger import InvoiceKey
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, encode_key, encode_progress, encode_sums
from invoicer.accounts import Accounts
from invoicer.closer import Closer, Outcome
from invoicer.issued import KeyValue
from invoicer.steps import Step


class KilledError(BaseException):
    """The process is dead. Nothing in the program may catch it."""


@dataclass
class MemoryLedger:
    """What a Kafka topic holds: records of committed transactions, in order."""

    committed: list[KeyValue] = field(default_factory=list)


@dataclass
class MemoryWriter:
    """Commits to a :class:`MemoryLedger` all records of a call or none, and tells the steps as the real one does."""

    to: MemoryLedger
    killer: "Killer"

    def commit(self, records: Sequence[KeyValue]) -> None:
        self.killer(Step.TRANSACTION_BEGUN)
        self.killer(Step.RECORDS_SENT)
        self.to.committed.extend(records)
        self.killer(Step.COMMITTED)


@dataclass
class TearingWriter:
    """Commits only the first records of one call, as a late message of an earlier transaction makes a broker do."""

    to: MemoryLedger
    calls_before: int
    kept: float

    def commit(self, records: Sequence[KeyValue]) -> None:
        if self.calls_before == 0:
            self.to.committed.extend(records[: round(self.kept * len(records))])
            raise KilledError
        self.calls_before -= 1
        self.to.committed.extend(records)


@dataclass
class Killer:
    """Kills the process when it has reached a number of steps; None lets it live."""

    steps_left: int | None = None

    def __call__(self, _step: Step) -> None:
        if self.steps_left is not None:
            if self.steps_left == 0:
                raise KilledError
            self.steps_left -= 1


class Sale(NamedTuple):
    """An event that is counted and may be taken back."""

    partition: int
    month: str
    customer: str
    type_: str
    micros: int


class World:
    """Events, their subtotals and the ledger; the invoicer's memory can be lost at any time."""

    def __init__(self, chunk_invoices: int = 2, currency: str = "EUR") -> None:
        self.ledger = MemoryLedger()
        self.currency = currency
        self.clock = FixedClock(0)
        self.accepted_micros = 0
        self.accepted_count = 0
        self.left: list[Sale] = []
        self._chunk_invoices = chunk_invoices
        self._subtotals: dict[bytes, bytes] = {}
        self._sums: dict[CustomerMonthKey, dict[str, tuple[int, int]]] = defaultdict(dict)
        self._progress: dict[int, Progress] = {}
        self.accounts = Accounts()

    def event(self, partition: int, month: str, customer: str, type_: str, micros: int) -> None:
        """Count one event, as the processor does."""
        self._add(Sale(partition, month, customer, type_, micros), 1)
        self._publish_progress(partition)

    def void(self, which: int) -> None:
        """Take one of the events back that are left, if there is any."""
        if self.left:
            sale = self.left.pop(which % len(self.left))
            self._add(sale, -1)
            self._publish_progress(sale.partition, voids=1)

    def replace(self, which: int, type_: str, micros: int) -> None:
        """Put another event of the customer and month in the place of one that is left, if there is any."""
        if self.left:
            sale = self.left.pop(which % len(self.left))
            self._add(sale, -1)
            self._add(sale._replace(type_=type_, micros=micros), 1)
            self._publish_progress(sale.partition, replaces=1)

    def _add(self, sale: "Sale", sign: int) -> None:
        key = CustomerMonthKey(sale.partition, sale.month, sale.customer)
        total, count = self._sums[key].get(sale.type_, (0, 0))
        self._sums[key][sale.type_] = (total + sign * sale.micros, count + sign)
        if self._sums[key][sale.type_] == (0, 0):
            del self._sums[key][sale.type_]
        self.accepted_micros += sign * sale.micros
        self.accepted_count += sign
        if sign > 0:
            self.left.append(sale)
        self._publish(encode_key(key), encode_sums(self._sums[key]))

    def _publish_progress(self, partition: int, voids: int = 0, replaces: int = 0) -> None:
        before = self._progress.get(partition, Progress())
        progress = Progress(
            next_offset=before.next_offset + 1,
            accepted=before.accepted + 1,
            voids=before.voids + voids,
            replaces=before.replaces + replaces,
        )
        self._progress[partition] = progress
        self._publish(encode_key(ProgressKey(partition)), encode_progress(progress))

    def restart(self) -> None:
        """Lose all memory and read both topics anew."""
        self.accounts = Accounts()
        for key, value in self.ledger.committed:
            self.accounts.read_ledger(key, value)
        if torn := self.accounts.torn_month:
            self.accounts.resume(torn, [invoice for invoice in self.invoices if invoice.month == torn])
        for key, value in self._subtotals.items():
            self.accounts.read_subtotal(key, value)

    def close(self, month: str, killer: Killer | None = None) -> Outcome:
        """Close a month; the killer may raise :class:`KilledError` on the way."""
        assert self.accounts.check_totals()
        killer = killer or Killer()
        self.clock.time_ms += 1
        writer = MemoryWriter(self.ledger, killer)
        return Closer(self.accounts, writer, self.clock, self.currency, self._chunk_invoices, steps=killer).close(month)

    def close_torn(self, month: str, calls_before: int, kept: float) -> None:
        """Close a month; the transaction after `calls_before` others is cut behind a share of its records."""
        self.clock.time_ms += 1
        writer = TearingWriter(self.ledger, calls_before, kept)
        try:
            Closer(self.accounts, writer, self.clock, self.currency, self._chunk_invoices).close(month)
        except KilledError:
            self.restart()

    @property
    def invoices(self) -> list[Invoice]:
        """All issued invoices, in the order of the ledger."""
        return [
            ledger.decode_invoice(value)
            for key, value in self.ledger.committed
            if isinstance(ledger.decode_key(key), InvoiceKey)
        ]

    def open_sums(self) -> tuple[int, int]:
        """Return what is not billed yet, in micros and events, as the accounts tells it."""
        numbers = self.accounts.maybe_open("9999-12")
        lines = [sums for number in numbers for sums in self.accounts.to_bill(number, "9999-12").values()]
        pairs = [pair for sums in lines for pair in sums.values()]
        return sum(micros for micros, _ in pairs), sum(count for _, count in pairs)

    def _publish(self, key: bytes, value: bytes) -> None:
        # At the end: compaction leaves the newest record of a key, where it was written.
        self._subtotals.pop(key, None)
        self._subtotals[key] = value
        self.accounts.read_subtotal(key, value)
