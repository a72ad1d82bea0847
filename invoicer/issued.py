"""What the invoices in the ledger say themselves, whatever the records that count them say.

A transaction may be ended by a message of an earlier one that was late: then only the first of its records count. So
an invoice may be there without the `billed`, `carried` and `closing` records that belong to it. Only the last invoice
of the ledger can lack any: an invoicer that goes on writes first what is missing.
"""

from collections.abc import Iterable, Mapping

from billing import ledger
from billing.errors import OperatorError
from billing.invoice import Closing, Invoice, MonthClose, Residues, invoice_number
from billing.ledger import BilledKey, CarriedKey, ClosingKey
from billing.subtotal import TypeSums, encode_sums

KeyValue = tuple[bytes, bytes]

_NUMBER = b'"number":"'


class LedgerDamagedError(OperatorError):
    """The ledger contradicts itself or lacks records: nothing may be issued."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; stopped before issuing anything, see docs/runbook.md#ledger-damaged")


class IssuedInvoices:
    """Counts the invoices of each month as the ledger's records are read, in their order and each once."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        # Month -> currency of its first invoice.
        self.first_currencies: dict[str, str] = {}
        # The keys of the records behind the last invoice.
        self._since_last: set[bytes] = set()

    def count(self, month: str) -> int:
        """Return how many invoices of a month are there."""
        return self._counts.get(month, 0)

    @property
    def months(self) -> list[str]:
        """The months with invoices, oldest first."""
        return sorted(self._counts)

    def add_invoice(self, key: bytes, value: bytes, closes: Mapping[str, MonthClose]) -> None:
        """Take an invoice in.

        Raises:
            LedgerDamagedError: its number is not the next one of its month, or the month is closed.
        """
        month = key[len("invoice|") :].split(b"|", 1)[0].decode()
        if month in closes:
            raise LedgerDamagedError(f"the ledger holds another invoice of {month} behind the month close")
        expected = invoice_number(month, self.count(month) + 1)
        number = _number_of(value)
        if number != expected:
            raise LedgerDamagedError(f"the ledger has invoice {number} where number {expected} comes next")
        if month not in self._counts:
            self.first_currencies[month] = ledger.decode_invoice(value).currency
        self._counts[month] = self.count(month) + 1
        self._since_last.clear()

    def add_other(self, key: bytes) -> None:
        """Note the key of a record that is no invoice."""
        self._since_last.add(key)

    def check_counted(self, counted: Closing | MonthClose, what: str) -> None:
        """Compare with what a `closing` record or a month close counts.

        Raises:
            LedgerDamagedError: invoices are missing, or there are more.
        """
        if counted.invoices != self.count(counted.month):
            raise LedgerDamagedError(
                f"the ledger holds {self.count(counted.month)} invoices of {counted.month},"
                f" but its {what} counts {counted.invoices}"
            )

    def is_missing(self, key: bytes) -> bool:
        """Say whether a record that belongs to the last invoice is not there."""
        return key not in self._since_last


def add_up(month: str, invoices: Iterable[Invoice]) -> tuple[Closing, Invoice | None]:
    """Return how far the closing of a month has come by its invoices, and the last one of them."""
    closing, last = Closing(month), None
    for invoice in invoices:
        closing, last = closing.after(invoice), invoice
    return closing, last


def records_of(last: Invoice, billed: Mapping[str, TypeSums], carried: Residues) -> list[KeyValue]:
    """Return the `billed` and `carried` records that belong to an invoice.

    Args:
        last: the invoice.
        billed: usage month -> what was billed of it before this invoice.
        carried: what was left over before this invoice.
    """
    sums = {month: dict(types) for month, types in billed.items()}
    left = dict(carried)
    for line in last.all_lines:
        types = sums.setdefault(line.month, {})
        micros, count = types.get(line.type, (0, 0))
        types[line.type] = (micros + line.exact_micros, count + line.count)
        left[line.type] = line.residue_micros(last.currency)
    left = {type_: micros for type_, micros in left.items() if micros}
    return [
        *((ledger.encode_key(BilledKey(month, last.customer)), encode_sums(sums[month])) for month in sorted(sums)),
        (ledger.encode_key(CarriedKey(last.customer)), ledger.encode_carried(left)),
    ]


def closing_record(closing: Closing) -> KeyValue:
    """Return the record that says how far a closing has come."""
    return ledger.encode_key(ClosingKey(closing.month)), ledger.encode_closing(closing)


def _number_of(value: bytes) -> str:
    """Return an invoice's number; its place in the value is known, so that millions are read quickly."""
    start = value.find(_NUMBER, 0, 24)
    if start < 0:
        return ledger.decode_invoice(value).number
    start += len(_NUMBER)
    return value[start : value.index(b'"', start)].decode()
