"""The rule: which thresholds a use has crossed, given what was told of them before. Nothing here knows a topic."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from billing.budget import Budget
from billing.notification import Kind


@dataclass(frozen=True, slots=True)
class Told:
    """The newest notification of a threshold: which crossing it was of, and whether it was reached or left."""

    ordinal: int
    kind: Kind


NOTHING_TOLD = Told(0, Kind.RESOLVED)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A notification that is due: of which threshold, in percent, and the same as :class:`Told`."""

    percent: int
    ordinal: int
    kind: Kind


def decide(budget: Budget, used: int, told: Mapping[int, Told]) -> Iterator[Crossing]:
    """Yield what is due, thresholds that are left first, from the highest, then those that are reached, ascending.

    A threshold is reached from exactly its percentage of the limit on. It is left when the use is below that by more
    than the budget's hysteresis; in between, what was told last holds.

    Args:
        budget: its limit and thresholds.
        used: how much is used, as :meth:`Budget.measure` measures it.
        told: percent -> the newest notification; a threshold that is missing was never crossed.
    """
    for percent in reversed(budget.thresholds):
        last = told.get(percent, NOTHING_TOLD)
        if last.kind is Kind.TRIGGERED and used * 100 < (percent - budget.hysteresis) * budget.limit:
            yield Crossing(percent, last.ordinal, Kind.RESOLVED)
    for percent in budget.thresholds:
        last = told.get(percent, NOTHING_TOLD)
        if last.kind is Kind.RESOLVED and used * 100 >= percent * budget.limit:
            yield Crossing(percent, last.ordinal + 1, Kind.TRIGGERED)
