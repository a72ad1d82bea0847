"""What an audit finds: differences by the check that found them, and the figures it has counted."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

KEPT_PER_CHECK = 100


class Check(StrEnum):
    """What is compared; the value is what the report calls it."""

    TOPICS = "topics"
    """Each topic that is read is kept in a way that loses no money."""

    INPUT = "input"
    """The input topic holds every record that was counted."""

    MOVED = "moved"
    """The keyed topic holds each record of the input once, unchanged, if records are moved to it."""

    PROGRESS = "progress"
    """Consumed = accepted + rejected + duplicates, in each input partition, with the sums and counts of the recount."""

    CUSTOMERS = "customers"
    """Each subtotal of a customer, month and type equals the recount."""

    HOURS = "hours"
    """Each subtotal of an hour and type equals the recount."""

    REJECTED = "rejected"
    """Each record that cannot be billed is in the rejected topic once, unchanged, for its reason; no other is."""

    LEDGER = "ledger"
    """What is billed of each customer, month and type equals the lines of the invoices, and rounding adds up."""

    OPEN = "open"
    """Nothing is billed that was not used, and nothing that was due is left out: issued + open = accepted."""

    NUMBERS = "numbers"
    """Invoice numbers have no gaps, and a month close says what was issued."""

    FILES = "files"
    """The invoice files say what the ledger says, and their checksums are right."""


@dataclass(frozen=True)
class Difference:
    """Two things that should be equal and are not.

    Args:
        check: what was compared.
        subject: of what.
        expected: what it should be, by the recount or the ledger.
        found: what it is.
    """

    check: Check
    subject: str
    expected: str
    found: str


@dataclass
class Findings:
    """The result of an audit.

    Args:
        differences: the first ones of each check.
        totals: how many there are, by check.
        figures: what was counted, in the order it is shown.
        notes: what was not checked, and why.
        kept_per_check: how many differences of a check are kept; the others are only counted. None keeps all.
    """

    differences: list[Difference] = field(default_factory=list)
    totals: Counter[Check] = field(default_factory=Counter)
    figures: dict[str, int | str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kept_per_check: int | None = KEPT_PER_CHECK

    @property
    def is_clean(self) -> bool:
        """Whether there is no difference."""
        return not self.totals

    def add(self, check: Check, subject: str, expected: object, found: object) -> None:
        """Add a difference, or only count it past those of its check that are kept."""
        self.totals[check] += 1
        if self.kept_per_check is None or self.totals[check] <= self.kept_per_check:
            self.differences.append(Difference(check, subject, str(expected), str(found)))

    def compare(self, check: Check, subject: str, expected: object, found: object) -> None:
        """Add a difference unless the two are equal."""
        if expected != found:
            self.add(check, subject, expected, found)
