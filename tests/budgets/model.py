"""A plain model of budgets: events are added up from nothing at each look, and thresholds are compared as fractions."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction

from billing.budget import Budget

Told = tuple[str, str, str, int, int, str, int]
"""Budget, month, customer, threshold, ordinal, kind, used."""


@dataclass(frozen=True)
class Event:
    """One event, as far as a budget sees it."""

    partition: int
    month: str
    customer: str
    type: str
    micros: int


class PlainModel:
    """Says what has to be told, from all events that are counted, whenever it is asked."""

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self._budgets = list(budgets)
        self._above: dict[tuple[str, str, str, int], bool] = {}
        self._crossings: dict[tuple[str, str, str, int], int] = {}
        self.told: list[Told] = []

    def compare(self, events: Iterable[Event]) -> None:
        """Compare all thresholds with what the events come to."""
        counted = list(events)
        for budget in self._budgets:
            for month, customer in sorted(self._subjects(budget, counted)):
                used = _used(budget, month, customer, counted)
                for threshold in budget.thresholds:
                    self._compare(budget, month, customer, threshold, used)

    def _subjects(self, budget: Budget, events: list[Event]) -> set[tuple[str, str]]:
        matching = {(one.month, one.customer) for one in events if _matches(budget, one.customer)}
        seen = {(month, "" if budget.customer is None else customer) for month, customer in matching}
        return {(month, customer) for month, customer in seen if month >= (budget.first_month or "")}

    def _compare(self, budget: Budget, month: str, customer: str, threshold: int, used: int) -> None:
        key = (budget.name, month, customer, threshold)
        share = Fraction(used, budget.limit)
        above = self._above.get(key, False)
        if not above and share >= Fraction(threshold, 100):
            self._above[key] = True
            self._crossings[key] = self._crossings.get(key, 0) + 1
            self.told.append((*key, self._crossings[key], "triggered", used))
        elif above and share < Fraction(threshold - budget.hysteresis, 100):
            self._above[key] = False
            self.told.append((*key, self._crossings[key], "resolved", used))


def _matches(budget: Budget, customer: str) -> bool:
    return budget.customer is None or fnmatchcase(customer, budget.customer)


def _used(budget: Budget, month: str, customer: str, events: list[Event]) -> int:
    counted = [
        one
        for one in events
        if one.month == month
        and (customer in ("", one.customer))
        and _matches(budget, one.customer)
        and budget.type in (None, one.type)
    ]
    return len(counted) if budget.amount is None else sum(one.micros for one in counted)
