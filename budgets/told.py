"""What the ledger says: which notifications were decided, from when on budgets are watched, and who decides."""

from collections import defaultdict
from collections.abc import Mapping

from billing.claim import UNCLAIMED
from billing.notification import Delivery, Kind, Notification
from billing.notification_ledger import Claimed, FirstMonth, LedgerRecord, Reached, Sender
from budgets.decide import Told
from budgets.usage import Subject


class ToldLedger:
    """Everything that has to be known of the ledger, fed record by record, in their order.

    Reading a record twice changes nothing, and one that a torn transaction has dropped is simply not there: the
    notification is then due again, with the same ordinal.
    """

    def __init__(self) -> None:
        self._told: dict[Subject, dict[int, Told]] = defaultdict(dict)
        # Budget, month and percent -> customers that are over it.
        self._over: dict[tuple[str, str, int], set[str]] = defaultdict(set)
        self.first_months: dict[str, str] = {}
        """Budget -> the first month in which it is watched."""
        self.next_offsets: dict[int, int] = {}
        """Input partition -> how far it was counted when the newest decision was made."""
        self.holder = UNCLAIMED
        """Who has claimed the ledger last."""

    def read(self, record: LedgerRecord) -> None:
        """Take a record in."""
        match record:
            case Notification(threshold=one):
                subject = Subject(one.budget, one.month, one.customer)
                self._note(subject, one.percent, Told(record.ordinal, record.kind))
            case FirstMonth(budget, month):
                self.first_months[budget] = month
            case Reached(next_offsets):
                self.next_offsets = dict(next_offsets)
            case Claimed(holder):
                self.holder = holder
            case Delivery() | Sender():
                pass

    def told(self, subject: Subject) -> Mapping[int, Told]:
        """Return the newest notification of each threshold of a subject."""
        return self._told.get(subject, {})

    def subjects(self) -> list[Subject]:
        """Return whom notifications are of."""
        return list(self._told)

    def count_over(self, budget: str, month: str, percent: int) -> int:
        """Return how many customers are over a threshold in a month; all together count as one."""
        return len(self._over.get((budget, month, percent), ()))

    def _note(self, subject: Subject, percent: int, told: Told) -> None:
        self._told[subject][percent] = told
        over = self._over[subject.budget, subject.month, percent]
        if told.kind is Kind.TRIGGERED:
            over.add(subject.customer)
        else:
            over.discard(subject.customer)
