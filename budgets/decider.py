"""Decides, after each look at the subtotals, what is due, and has the ledger tell it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from billing.budget import Budget, budget_by_name
from billing.notification import Notification, Threshold
from billing.notification_ledger import Reached
from budgets.decide import decide
from budgets.ledger import Ledger
from budgets.usage import Subject, Usage

# So many notifications are written in one transaction.
_CHUNK = 1_000


class Decider:
    """Tells each crossing once.

    Args:
        budgets: those that are watched.
        usage: how much is used.
        ledger: what was told, and where more is told.
        currency: of the amounts.
        now_ms: the wall clock, in milliseconds.
    """

    def __init__(
        self, budgets: Sequence[Budget], usage: Usage, ledger: Ledger, currency: str, now_ms: Callable[[], int]
    ) -> None:
        self._budgets = budget_by_name(tuple(budgets))
        self._usage, self._ledger = usage, ledger
        self._currency, self._now_ms = currency, now_ms
        self._has_told_all = False

    @property
    def is_behind(self) -> bool:
        """Whether less of the input is counted than when the newest decision was made: it is being counted anew.

        Until it has caught up, a use that is smaller than before says nothing.
        """
        reached = self._usage.next_offsets
        return any(reached.get(partition, 0) < offset for partition, offset in self._ledger.told.next_offsets.items())

    @property
    def is_held(self) -> bool:
        """Whether deciding waits: what is counted is less than it was, or than whole commits say."""
        return self.is_behind or self._usage.is_in_doubt

    def tell(self) -> int:
        """Tell what is due of those whose use has changed, at first of everybody. Returns how many were told.

        Raises:
            LedgerLostError: begin a new session.
        """
        if self.is_held:
            return 0
        subjects = self._usage.touched
        everybody = subjects if self._has_told_all else dict.fromkeys([*subjects, *self._told_before()])
        due, told = self._due(everybody), 0
        while chunk := list(islice(due, _CHUNK)):
            self._ledger.commit([*chunk, Reached(dict(self._usage.next_offsets))])
            told += len(chunk)
        self._usage.looked_at(subjects)
        self._has_told_all = True
        return told

    def _due(self, subjects: Iterable[Subject]) -> Iterator[Notification]:
        for subject in subjects:
            budget, used = self._budgets[subject.budget], self._usage.used(subject)
            for crossing in decide(budget, used, dict(self._ledger.told.told(subject))):
                yield Notification(
                    threshold=Threshold(subject.budget, subject.month, subject.customer, crossing.percent),
                    ordinal=crossing.ordinal,
                    kind=crossing.kind,
                    used=used,
                    limit=budget.limit,
                    is_count=budget.amount is None,
                    type=budget.type or "",
                    currency=self._currency,
                    decided_ms=self._now_ms(),
                )

    def _told_before(self) -> Iterator[Subject]:
        """Yield whom notifications are of that a budget still watches: their use may be nothing by now."""
        for subject in self._ledger.told.subjects():
            budget = self._budgets.get(subject.budget)
            if budget is not None and self._usage.watches(budget, subject.month, subject.customer):
                yield subject
