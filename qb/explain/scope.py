"""What is to be explained: which events belong to it, and what they are told to add up to."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from billing.invoice import Invoice
from billing.listed_record import Fate, Listed

# Micros and number of events.
Amount = tuple[int, int]
# Usage month and type.
Place = tuple[str, str]

NOTHING: Amount = (0, 0)


@dataclass(frozen=True)
class Scope:
    """Which events belong to a number.

    Args:
        customer: whose they are.
        first_month: the earliest usage month; empty: there is none.
        last_month: the latest usage month.
        type: their type; empty: any.
        ends: input partition -> offset up to which, exclusive, the number counts.
        billed_month: the usage month up to which, inclusive, an earlier invoice billed; empty: there is none.
        billed_ends: input partition -> offset up to which, exclusive, that invoice billed.
    """

    customer: str
    first_month: str
    last_month: str
    type: str
    ends: Mapping[int, int]
    billed_month: str = ""
    billed_ends: Mapping[int, int] = field(default_factory=dict)

    def holds(self, one: Listed) -> bool:
        """Return whether a record belongs here. What cannot be told of a rejected one does not exclude it."""
        if self.type and one.type and one.type != self.type:
            return False
        if one.month and not self.first_month <= one.month <= self.last_month:
            return False
        billed = (one.month or self.last_month) <= self.billed_month
        start = self.billed_ends.get(one.partition, 0) if billed else 0
        return start <= one.offset < self.ends.get(one.partition, 0)


@dataclass(frozen=True)
class Asked:
    """A question with what the topics tell.

    Args:
        title: what is explained, for people.
        scope: which events belong to it.
        told: usage month and type -> what they are told to add up to.
        invoice: the invoice, if it is one.
        may_be_taken_back: whether events may have been taken back; False: nobody has sent a void or a replacement.
    """

    title: str
    scope: Scope
    told: Mapping[Place, Amount]
    invoice: Invoice | None = None
    may_be_taken_back: bool = True


def ask_invoice(invoice: Invoice, before: Invoice | None) -> Asked:
    """Return the question of what an invoice bills.

    An invoice bills, of each usage month up to its own, what was counted and not billed yet. So it holds the events
    below its offsets, of months that the one before it billed only those that are not below that one's.

    Args:
        invoice: what is asked about.
        before: the same customer's invoice before it, if there is one.
    """
    scope = Scope(
        customer=invoice.customer,
        first_month="",
        last_month=invoice.month,
        type="",
        ends=invoice.offsets,
        billed_month=before.month if before else "",
        billed_ends=before.offsets if before else {},
    )
    told = {(line.month, line.type): (line.exact_micros, line.count) for line in invoice.all_lines}
    return Asked(f"invoice {invoice.number} of {invoice.customer}", scope, told, invoice)


class Sums:
    """Adds up what is listed."""

    def __init__(self) -> None:
        self.found: dict[Place, Amount] = {}
        self.fates: Counter[Fate] = Counter()

    def add(self, one: Listed) -> None:
        """Take a record in."""
        self.fates[one.fate] += 1
        if one.amount_micros is not None:
            micros, count = self.found.get((one.month, one.type), NOTHING)
            self.found[one.month, one.type] = micros + one.amount_micros, count + one.events


@dataclass(frozen=True)
class Figure:
    """A number beside what its events add up to.

    Args:
        month: the usage month.
        type: the event type.
        told: what the subtotals or the invoice say.
        found: what the events listed add up to.
    """

    month: str
    type: str
    told: Amount
    found: Amount

    @property
    def is_it(self) -> bool:
        """Whether the two are the same, to the micro and to the event."""
        return self.told == self.found


def figures(told: Mapping[Place, Amount], found: Mapping[Place, Amount]) -> Iterator[Figure]:
    """Yield all that is told or found, by month and type."""
    for month, type_ in sorted({*told, *found}):
        place = month, type_
        yield Figure(month, type_, told.get(place, NOTHING), found.get(place, NOTHING))
