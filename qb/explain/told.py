"""What the topics tell of a customer: subtotals with the offsets that they count up to, and invoices."""

from collections.abc import Iterable

from billing import ledger, subtotal
from billing.errors import OperatorError
from billing.invoice import Invoice
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, TypeSums
from qb.explain.scope import Amount, Asked, Place, Scope

ZONE_RUNBOOK = "docs/runbook.md#time-zone-changed"


class CountedSums:
    """The subtotals of one customer as whole commits left them.

    A commit ends with the progress record of its input partition. What comes after the newest one belongs to a commit
    of which not all has been read, and does not count yet.

    Args:
        customer: whose they are.
    """

    def __init__(self, customer: str) -> None:
        self._customer = customer
        # Input partition -> month -> sums: of whole commits, and of the one that is being read.
        self._whole: dict[int, dict[str, TypeSums]] = {}
        self._begun: dict[int, dict[str, TypeSums]] = {}
        self.progress: dict[int, Progress] = {}

    def read(self, key: bytes, value: bytes) -> None:
        """Take a record in; all of an input partition come in the order of their offsets.

        Raises:
            RecordError: it is none, or of another version.
        """
        match subtotal.decode_key(key):
            case CustomerMonthKey(partition, month, customer) if customer == self._customer:
                self._begun.setdefault(partition, {})[month] = subtotal.decode_sums(value)
            case ProgressKey(partition):
                self.progress[partition] = subtotal.decode_progress(value)
                self._whole.setdefault(partition, {}).update(self._begun.pop(partition, {}))

    @property
    def next_offsets(self) -> dict[int, int]:
        """Input partition -> the offset up to which, exclusive, the sums count."""
        return {partition: progress.next_offset for partition, progress in sorted(self.progress.items())}

    def of(self, month: str, type_: str) -> dict[Place, Amount]:
        """Return the sums of a month by month and type, all input partitions together; an empty type means all."""
        sums: dict[Place, Amount] = {}
        for months in self._whole.values():
            for name, (micros, count) in months.get(month, {}).items():
                if not type_ or name == type_:
                    before = sums.get((month, name), (0, 0))
                    sums[month, name] = before[0] + micros, before[1] + count
        return sums

    def check_zone(self, time_zone: str) -> None:
        """Refuse to explain months of one zone by those of another.

        Raises:
            OperatorError: an input partition is counted by another zone than `time_zone`.
        """
        for partition, progress in sorted(self.progress.items()):
            if progress.next_offset and progress.time_zone != time_zone:
                raise OperatorError(
                    f"input partition {partition} is counted by the months of {progress.time_zone}, but time_zone is "
                    f"{time_zone}: give this command the settings of the processors, see {ZONE_RUNBOOK}"
                )

    def ask(self, month: str, type_: str) -> Asked:
        """Return the question of what a month of the customer is, of one type or of all."""
        title = " ".join(filter(None, (self._customer, month, type_)))
        scope = Scope(self._customer, month, month, type_, self.next_offsets)
        taken_back = any(progress.voids or progress.replaces for progress in self.progress.values())
        return Asked(title, scope, self.of(month, type_), may_be_taken_back=taken_back)


def find_invoice(number: str, candidates: Iterable[bytes]) -> Invoice | None:
    """Return the invoice of a number among values of the ledger.

    Raises:
        OperatorError: several have it.
        RecordError: a record is of another version.
    """
    invoices = [ledger.decode_invoice(value) for value in candidates]
    found = [invoice for invoice in invoices if invoice.number == number]
    if len(found) > 1:
        names = ", ".join(invoice.customer for invoice in found)
        raise OperatorError(
            f"{len(found)} invoices have the number {number}, of {names}: see docs/runbook.md#number-twice"
        )
    return found[0] if found else None


def invoice_before(invoice: Invoice, candidates: Iterable[bytes]) -> Invoice | None:
    """Return the newest invoice among values of the ledger that is the same customer's and of an earlier month.

    Raises:
        RecordError: a record is of another version.
    """
    invoices = [ledger.decode_invoice(value) for value in candidates]
    earlier = [one for one in invoices if one.customer == invoice.customer and one.month < invoice.month]
    return max(earlier, key=lambda one: one.month, default=None)
