"""The invoices that were issued, and what a draft of an open month would say: the ledger topic, read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from billing.invoice import Invoice, Line, MonthClose, make_lines, not_billed
from billing.ledger import (
    BilledKey,
    CarriedKey,
    InvoiceKey,
    MonthCloseKey,
    decode_carried,
    decode_close,
    decode_invoice,
    decode_key,
)
from billing.subtotal import TypeSums, decode_sums

Key = TypeVar("Key")


@dataclass
class MonthInvoices:
    """One invoice month: its invoices as they came, which is the order of their numbers, and their sums."""

    values: dict[str, bytes] = field(default_factory=dict)
    customers: list[str] = field(default_factory=list)
    total_minor: int = 0
    close: MonthClose | None = None
    is_lent: bool = False

    def still(self) -> "MonthInvoices":
        """Return the month as it is now; it does not change any more."""
        self.is_lent = True
        return replace(self)

    def before_change(self) -> None:
        """Copy what was lent."""
        if self.is_lent:
            self.values, self.customers, self.is_lent = dict(self.values), list(self.customers), False


class IssuedInvoices:
    """What the ledger topic tells. It is not thread-safe."""

    def __init__(self) -> None:
        self.months: dict[str, MonthInvoices] = {}
        # The currencies of all of it, each with the first month that names it.
        self.currencies: dict[str, str] = {}
        # The months of which anything was billed to anybody.
        self._usage_months: set[str] = set()
        # Kept as they came and decoded when a draft is asked for: there may be millions.
        self._billed: dict[tuple[str, str], bytes] = {}
        self._carried: dict[str, bytes] = {}

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take one record in; `value` None is a tombstone.

        Raises:
            UnknownVersionError: another version of this program wrote it.
            RecordError: it is no record of a ledger.
        """
        match decode_key(key):
            case InvoiceKey(month, customer):
                self._apply_invoice(month, customer, value)
            case MonthCloseKey(month):
                self._apply_close(month, value)
            case BilledKey(month, customer):
                _keep(self._billed, (month, customer), value, decode_sums)
                self._usage_months.add(month)
            case CarriedKey(customer):
                _keep(self._carried, customer, value, decode_carried)

    def still(self) -> "IssuedInvoices":
        """Return the invoices as they are now; they do not change any more. What drafts need goes on changing."""
        copy = IssuedInvoices()
        copy.months = {name: month.still() for name, month in self.months.items()}
        copy._usage_months, copy._billed, copy._carried = set(self._usage_months), self._billed, self._carried
        return copy

    def is_closed(self, month: str) -> bool:
        """Say whether all invoices of a month are issued."""
        return month in self.months and self.months[month].close is not None

    def closed(self) -> list[MonthClose]:
        """Return the closed months, oldest first."""
        return [one.close for _, one in sorted(self.months.items()) if one.close is not None]

    def get(self, customer: str, month: str) -> Invoice | None:
        """Return an issued invoice, None if there is none."""
        value = self.months[month].values.get(customer) if month in self.months else None
        return None if value is None else decode_invoice(value)

    def count(self, month: str) -> int:
        """Return how many invoices are issued for a month."""
        return len(self.months[month].values) if month in self.months else 0

    def page(self, month: str, start: int) -> Iterator[Invoice]:
        """Yield the invoices of a month in the order of their numbers, without the first `start`."""
        if month in self.months:
            of_month = self.months[month]
            for position in range(start, len(of_month.customers)):
                yield decode_invoice(of_month.values[of_month.customers[position]])

    def draft_lines(self, customer: str, month: str, totals: Mapping[str, TypeSums], currency: str) -> tuple[Line, ...]:
        """Return the lines that an invoice for `month` would have if it were issued now.

        Args:
            customer: who would pay.
            month: the invoice month.
            totals: usage month -> the customer's current totals by type. A month that was billed and is not among
                them has nothing any more.
            currency: ISO 4217 code.
        """
        to_bill = {
            usage: not_billed(totals.get(usage, {}), self._billed_so_far(usage, customer))
            for usage in {*totals, *self._usage_months}
            if usage <= month
        }
        carried = decode_carried(self._carried[customer]) if customer in self._carried else {}
        lines, _ = make_lines({usage: open_ for usage, open_ in to_bill.items() if open_}, carried, currency)
        return lines

    def _billed_so_far(self, month: str, customer: str) -> TypeSums:
        value = self._billed.get((month, customer))
        return {} if value is None else decode_sums(value)

    def _month(self, month: str) -> MonthInvoices:
        return self.months.setdefault(month, MonthInvoices())

    def _apply_close(self, month: str, value: bytes | None) -> None:
        close = None if value is None else decode_close(value)
        if close is not None:
            self.currencies.setdefault(close.currency, month)
        self._month(month).close = close

    def _apply_invoice(self, month: str, customer: str, value: bytes | None) -> None:
        of_month = self._month(month)
        of_month.before_change()
        if customer in of_month.values:
            of_month.total_minor -= decode_invoice(of_month.values[customer]).total_minor
        if value is None:
            if of_month.values.pop(customer, None) is not None:
                of_month.customers.remove(customer)
            return
        invoice = decode_invoice(value)
        self.currencies.setdefault(invoice.currency, month)
        of_month.total_minor += invoice.total_minor
        if customer not in of_month.values:
            of_month.customers.append(customer)
        of_month.values[customer] = value


def _keep(values: dict[Key, bytes], key: Key, value: bytes | None, decode: Callable[[bytes], object]) -> None:
    if value is None:
        values.pop(key, None)
        return
    decode(value)  # so that a record that can't be read is found now and not in an answer
    values[key] = value
