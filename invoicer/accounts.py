"""The accounts: everything that closing a month needs to know, in memory, fed from the two topics record by record.

It holds current totals per input partition (from `billing.subtotals`) and what has been billed, carried and closed
(from `billing.invoices`). Reading a subtotal twice changes nothing, and the order of the two topics does not matter;
the ledger's records are read once each and in their order.
Values stay as they came, packed; they are decoded when a month is closed. So memory grows with customers and months,
not with events.
"""

from collections.abc import Iterable, Iterator

from billing import ledger, subtotal
from billing.errors import OperatorError
from billing.invoice import Closing, Invoice, MonthClose, Residues, not_billed
from billing.ledger import BilledKey, CarriedKey, ClosingKey, MonthCloseKey
from billing.subtotal import Progress, RecordError, TypeSums
from invoicer.customers import Customers
from invoicer.issued import IssuedInvoices, KeyValue, LedgerDamagedError, add_up, closing_record, records_of
from invoicer.packed_map import PackedMap
from invoicer.taken_back import TotalsLostError, can_be_taken_back, missing_events

_KNOWN_SUMS = b'{"v":%d,' % subtotal.VERSION


class Accounts:
    """Totals, ledger and progress, and what of the totals is not billed yet."""

    def __init__(self) -> None:
        self.customers = Customers()
        self.progress: dict[int, Progress] = {}
        self.closes: dict[str, MonthClose] = {}
        self.issued = IssuedInvoices()
        self.missing: list[KeyValue] = []
        self._closings: dict[str, Closing] = {}
        # Usage month -> input partition -> customer number -> value of the subtotal.
        self._totals: dict[str, dict[int, PackedMap]] = {}
        # Usage month -> customer number -> value of the `billed` record.
        self._billed: dict[str, PackedMap] = {}
        self._carried = PackedMap()
        # Input partitions of whose newest commit the progress record, which comes last, has not been read.
        self._amid_commit: set[int] = set()
        # Usage month -> a byte per customer number, 1 where something may not be billed yet.
        self._maybe_open: dict[str, bytearray] = {}

    def read_subtotal(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record of `billing.subtotals` in.

        Raises:
            RecordError: it is none, or of another version.
        """
        if key is None or value is None:
            raise RecordError("a record of the subtotals without key or value")
        if key.startswith(b"hours|"):
            return
        match subtotal.decode_key(key):
            case subtotal.CustomerMonthKey(partition, month, customer):
                number = self.customers.number_of(customer)
                self._totals.setdefault(month, {}).setdefault(partition, PackedMap()).put(number, _checked(value))
                self._mark(month, number, 1)
                self._amid_commit.add(partition)
            case subtotal.ProgressKey(partition):
                self.progress[partition] = subtotal.decode_progress(value)
                self._amid_commit.discard(partition)

    def read_ledger(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record of `billing.invoices` in. Of the invoices, only the numbers are looked at.

        Raises:
            RecordError: it is none, or of another version.
            LedgerDamagedError: it contradicts the records before it.
        """
        if key is None or value is None:
            raise RecordError("a record of the ledger without key or value")
        if key.startswith(b"invoice|"):
            self.issued.add_invoice(key, value, self.closes)
            return
        self.issued.add_other(key)
        match ledger.decode_key(key):
            case BilledKey(month, customer):
                number = self.customers.number_of(customer)
                self._billed.setdefault(month, PackedMap()).put(number, _checked(value))
                self._mark(month, number, 1)
            case CarriedKey(customer):
                ledger.decode_carried(value)
                self._carried.put(self.customers.number_of(customer), value)
            case ClosingKey(month):
                self._closings[month] = ledger.decode_closing(value)
                self.issued.check_counted(self._closings[month], "closing record")
            case MonthCloseKey(month):
                self.closes[month] = ledger.decode_close(value)
                self.issued.check_counted(self.closes[month], "month close")

    @property
    def torn_month(self) -> str | None:
        """The month whose last transaction is there in part: it has more invoices than its `closing` record counts.

        Raises:
            LedgerDamagedError: a month was begun and not ended, and later ones were, or are begun too.
        """
        begun = sorted({*self.issued.months, *self._closings} - self.closes.keys())
        if begun and (len(begun) > 1 or begun[0] < self.last_closed):
            raise LedgerDamagedError(f"the ledger holds invoices of {begun[0]}, but no month close")
        return next((month for month in begun if self.issued.count(month) > self._counted(month)), None)

    def resume(self, month: str, invoices: Iterable[Invoice]) -> None:
        """Go on from the invoices that are there: take in what belongs to the last one, and keep it to be written.

        Args:
            month: the torn month.
            invoices: all of its invoices, in their order.
        """
        closing, last = add_up(month, invoices)
        self.issued.check_counted(closing, "second reading")
        assert last is not None
        number = self.customers.number_of(last.customer)
        billed = {line.month: self.billed(line.month, number) for line in last.all_lines}
        records = [
            record for record in records_of(last, billed, self.carried(number)) if self.issued.is_missing(record[0])
        ]
        self.missing = [*records, closing_record(closing)]
        for key, value in self.missing:
            self.read_ledger(key, value)

    def completed(self) -> None:
        """Note that the missing records have been written."""
        self.missing = []

    def _counted(self, month: str) -> int:
        counted = self._closings.get(month)
        return counted.invoices if counted else 0

    @property
    def last_closed(self) -> str:
        """The newest closed month, empty if there is none."""
        return max(self.closes, default="")

    @property
    def half_closed(self) -> Closing | None:
        """The closing that was begun and not ended, if there is one."""
        return next((closing for month, closing in self._closings.items() if month not in self.closes), None)

    @property
    def months(self) -> list[str]:
        """The usage months with subtotals, oldest first."""
        return sorted(self._totals)

    @property
    def offsets(self) -> dict[int, int]:
        """Input partition -> offset up to which, exclusive, the totals here count it at least."""
        return {partition: progress.next_offset for partition, progress in sorted(self.progress.items())}

    def check_zone(self, time_zone: str) -> None:
        """Refuse subtotals by the months of another zone than `time_zone`.

        Raises:
            OperatorError: the newest ones of an input partition are.
        """
        for partition, progress in sorted(self.progress.items()):
            if progress.next_offset and progress.time_zone != time_zone:
                raise OperatorError(
                    f"input partition {partition} is counted by the months and hours of {progress.time_zone}, but"
                    f" time_zone is {time_zone}; nothing is issued while it is there: set it back, or count again, see"
                    " docs/runbook.md#time-zone-changed"
                )

    def check_currency(self, currency: str) -> None:
        """Refuse a ledger that bills in another currency than `currency`.

        Raises:
            OperatorError: a closed month, or the first invoice of one that is being closed, names another.
        """
        billed = {month: close.currency for month, close in self.closes.items()}
        for month, other in sorted((self.issued.first_currencies | billed).items()):
            if other != currency:
                raise OperatorError(
                    f"the invoices of {month} are in {other}, but currency is {currency}; nothing is issued over them:"
                    f" set it back, or set up another deployment, see {ledger.OTHER_CURRENCY_RUNBOOK}"
                )

    def total(self, month: str, number: int) -> TypeSums:
        """Return the current total of a customer's usage month, all input partitions together."""
        sums: dict[str, tuple[int, int]] = {}
        for partial in self._totals.get(month, {}).values():
            value = partial.get(number)
            if value is not None:
                for type_, (micros, count) in subtotal.decode_sums(value).items():
                    so_far = sums.get(type_, (0, 0))
                    sums[type_] = (so_far[0] + micros, so_far[1] + count)
        return sums

    def billed(self, month: str, number: int) -> TypeSums:
        """Return what has been billed so far of a customer's usage month."""
        entries = self._billed.get(month)
        value = entries.get(number) if entries else None
        return subtotal.decode_sums(value) if value else {}

    def carried(self, number: int) -> Residues:
        """Return what a customer's invoices have left over from rounding."""
        value = self._carried.get(number)
        return ledger.decode_carried(value) if value else {}

    def to_bill(self, number: int, up_to: str) -> dict[str, TypeSums]:
        """Return what a customer has not been billed yet, by usage month, up to a month and including it.

        Raises:
            TotalsLostError: more events were billed than there are, and voids do not explain it. Going on would credit
                them to the customer.
        """
        months = [month for month in self._maybe_open if month <= up_to and self._is_marked(month, number)]
        found = {month: self._difference(month, number) for month in sorted(months)}
        for month, difference in found.items():
            missing = missing_events(difference)
            if missing and not self._amid_commit and not self._can_be_taken_back(missing):
                raise self._lost(month, number, missing)
        return {month: difference for month, difference in found.items() if difference}

    def check_totals(self) -> bool:
        """Refuse totals that lack more events than were taken back; say whether that can be told.

        It cannot be told while events are missing and the newest commit of an input partition has been read in part.

        Raises:
            TotalsLostError: they do. Going on would credit customers for nothing.
        """
        begun = self.half_closed.month if self.half_closed else ""
        months = [month for month in self._maybe_open if month <= max(self.last_closed, begun)]
        lacking = [
            (missing, month, number)
            for month in months
            for number in self._marked(month)
            if (missing := missing_events(self._difference(month, number)))
        ]
        if lacking and self._amid_commit:
            return False
        missing = sum(one for one, _, _ in lacking)
        if missing and not self._can_be_taken_back(missing):
            _, month, number = max(lacking)
            raise self._lost(month, number, missing)
        return True

    def _difference(self, month: str, number: int) -> TypeSums:
        """Return what a customer has not been billed of a usage month, and note if that is nothing."""
        difference = not_billed(self.total(month, number), self.billed(month, number))
        if not difference:
            self._mark(month, number, 0)
        return difference

    def _can_be_taken_back(self, missing: int) -> bool:
        close = self.closes.get(self.last_closed)
        return can_be_taken_back(missing, self.progress, close.offsets if close else {})

    def _lost(self, month: str, number: int, missing: int) -> TotalsLostError:
        return TotalsLostError(
            f"customer {self.customers.name_of(number)!r} was billed more events of {month} than the subtotals hold,"
            f" and voids do not explain the {missing} that are missing: they were lost, are being counted anew, or"
            " belong to another ledger; stopped rather than credit them, see docs/runbook.md#totals-lost"
        )

    def maybe_open(self, up_to: str) -> list[int]:
        """Return the customers that may have something to bill up to a month, by name; all that do are among them."""
        numbers: set[int] = set()
        for month in self._maybe_open:
            if month <= up_to:
                numbers.update(self._marked(month))
        return sorted(numbers, key=self.customers.name_of)

    def has_open(self, up_to: str) -> bool:
        """Say whether any customer has something to bill up to a month."""
        months = [month for month in self._maybe_open if month <= up_to]
        return any(self.to_bill(number, up_to) for month in months for number in self._marked(month))

    def _mark(self, month: str, number: int, value: int) -> None:
        marks = self._maybe_open.setdefault(month, bytearray())
        if len(marks) <= number:
            marks.extend(bytes(max(number + 1, len(self.customers)) - len(marks)))
        marks[number] = value

    def _is_marked(self, month: str, number: int) -> bool:
        marks = self._maybe_open[month]
        return number < len(marks) and marks[number] == 1

    def _marked(self, month: str) -> Iterator[int]:
        marks = self._maybe_open[month]
        number = marks.find(1)
        while number >= 0:
            yield number
            number = marks.find(1, number + 1)


def _checked(value: bytes) -> bytes:
    """Return sums as they are if this program will be able to decode them: it is done much later.

    Raises:
        RecordError: they are no sums, or of another version.
    """
    if not value.startswith(_KNOWN_SUMS):
        subtotal.decode_sums(value)
    return value
