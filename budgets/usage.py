"""How much of each budget is used: partials of all input partitions added up, commit by commit."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from billing.budget import ALL_TOGETHER, Budget
from billing.subtotal import CustomerMonthKey, Progress, TypeSums


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose use of which budget in which month: a customer, or empty for all together."""

    budget: str
    month: str
    customer: str


class Usage:
    """Adds up what subtotals say of the budgets. What a commit changes counts once its progress record has come.

    Memory grows with the customers that a budget matches, their months and the input partitions that count them.

    Args:
        budgets: those that are watched.
        first_months: budget -> the first month that is watched; earlier ones are passed over.
    """

    def __init__(self, budgets: Sequence[Budget], first_months: Mapping[str, str]) -> None:
        self._watched = [(budget, first_months[budget.name]) for budget in budgets]
        self._first_month = min((month for _, month in self._watched), default="9999-12")
        # Customer -> the budgets whose use it changes, as positions.
        self._matching: dict[str, tuple[int, ...]] = {}
        # Customer's month of an input partition -> what it uses of each matching budget.
        self._partials: dict[CustomerMonthKey, tuple[int, ...]] = {}
        self._staged: dict[int, dict[CustomerMonthKey, TypeSums]] = defaultdict(dict)
        # Budget and month -> customer -> used.
        self._used: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        self._touched: dict[Subject, None] = {}
        self._in_doubt: set[int] = set()
        self.next_offsets: dict[int, int] = {}
        """Input partition -> offset up to which, exclusive, it is counted here."""

    def stage(self, key: CustomerMonthKey, sums: TypeSums) -> None:
        """Keep a customer's sums back until their commit is whole."""
        if key.month >= self._first_month and self._matching_of(key.customer):
            self._staged[key.partition][key] = sums

    def finish_commit(self, partition: int, progress: Progress) -> None:
        """Let what an input partition has staged count: its progress record has come, the last of its commit."""
        for key, sums in self._staged.pop(partition, {}).items():
            self._count(key, sums)
        self._in_doubt.discard(partition)
        self.next_offsets[partition] = progress.next_offset

    def note_end(self) -> None:
        """Note that the topic was read to its end. What is staged now is of a commit that was ended early.

        Compaction may have taken what such records replace, so the use of their customers is not known before the next
        whole commit of their input partition: a processor that goes on counts the same events again.
        """
        self._in_doubt = {partition for partition, sums in self._staged.items() if sums}

    @property
    def is_in_doubt(self) -> bool:
        """Whether less may be counted than whole commits say."""
        return bool(self._in_doubt)

    def used(self, subject: Subject) -> int:
        """Return how much is used: micros, or events, as the budget measures."""
        return self.used_by(subject.budget, subject.month).get(subject.customer, 0)

    def used_by(self, budget: str, month: str) -> Mapping[str, int]:
        """Return how much each customer, or empty for all together, uses of a budget in a month."""
        return self._used.get((budget, month), {})

    def subjects(self) -> Iterator[Subject]:
        """Yield who ever used anything of a budget."""
        for (budget, month), used in self._used.items():
            for customer in used:
                yield Subject(budget, month, customer)

    def watches(self, budget: Budget, month: str, customer: str) -> bool:
        """Say whether a customer's use of a month, or that of all together, is added up here."""
        first_month = next(month for one, month in self._watched if one.name == budget.name)
        if month < first_month or budget.is_together != (customer == ALL_TOGETHER):
            return False
        return budget.matches(customer)

    @property
    def touched(self) -> list[Subject]:
        """Whose use has changed since :meth:`looked_at`, in the order in which it did."""
        return list(self._touched)

    def looked_at(self, subjects: Sequence[Subject]) -> None:
        """Note that these are decided."""
        for subject in subjects:
            self._touched.pop(subject, None)

    def _count(self, key: CustomerMonthKey, sums: TypeSums) -> None:
        matching = self._matching_of(key.customer)
        before = self._partials.get(key, (0,) * len(matching))
        now = tuple(self._watched[position][0].measure(sums) for position in matching)
        self._partials[key] = now
        for position, old, new in zip(matching, before, now, strict=True):
            budget, first_month = self._watched[position]
            if key.month >= first_month and new != old:
                self._add(Subject(budget.name, key.month, budget.subject(key.customer)), new - old)

    def _add(self, subject: Subject, more: int) -> None:
        used = self._used[subject.budget, subject.month]
        used[subject.customer] = used.get(subject.customer, 0) + more
        self._touched[subject] = None

    def _matching_of(self, customer: str) -> tuple[int, ...]:
        matching = self._matching.get(customer)
        if matching is None:
            found = (position for position, (budget, _) in enumerate(self._watched) if budget.matches(customer))
            matching = self._matching[customer] = tuple(found)
        return matching
