"""What a month differs by: the recount beside what is live, for each customer and type, to the micro.

All that is issued is one of three things: what moves over the edge at the beginning of the month, what moves over the
one at its end, and the rest. Of what moves, the neighbour gets the opposite. What was issued before is taken off, so
that a second replay finds what the first one left, and nothing if it left nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from qb.replay.adjustment import Adjustment, Place, adjustments
from qb.replay.issued import Issued
from qb.replay.months import RULES, Concerned, Edge

# Micros and number of events.
Amount = tuple[int, int]
NOTHING: Amount = (0, 0)


class CustomerSums(Protocol):
    """Sums of some customers."""

    def of(self, customer: str) -> Mapping[str, Amount]:
        """Return type -> (micros, events) of a customer."""
        ...

    def customers(self) -> Iterator[str]:
        """Yield those who have any."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """What a customer's month of a type differs by.

    Args:
        month: the month by which the processors count.
        customer: whose it is.
        type: the event type.
        live: what is in the subtotals; None for a neighbour of the month that is replayed.
        recounted: what the recount says it is, adjustments left out; None for a neighbour.
        pending_micros: adjustments that are issued and not in the subtotals yet.
        corrections: what is left to be issued, by cause; none of them is 0.
    """

    month: str
    customer: str
    type: str
    live: Amount | None
    recounted: Amount | None
    pending_micros: int
    corrections: Mapping[str, int]

    @property
    def micros(self) -> int:
        """What is left to be issued, of all causes together."""
        return sum(self.corrections.values())

    @property
    def differs(self) -> bool:
        """Whether anything is left to be issued, be it that it adds up to nothing."""
        return bool(self.corrections)


@dataclass(frozen=True)
class Recounted:
    """What the input was recounted to.

    Args:
        month: the sums of the month by the rules of the replay.
        moved: the sums of what lies between the two beginnings of a month, for each edge.
        issued: the adjustments that are in the input.
    """

    month: CustomerSums
    moved: tuple[CustomerSums, CustomerSums]
    issued: Issued


class Differences:
    """Compares a recount with what is live.

    Args:
        concerned: what is replayed.
        live: the live sums of the month.
        recounted: the recount.
    """

    def __init__(self, concerned: Concerned, live: CustomerSums, recounted: Recounted) -> None:
        self._concerned, self._live, self._recounted = concerned, live, recounted
        self._issued = recounted.issued
        names = {*live.customers(), *recounted.month.customers()}
        for moved in recounted.moved:
            names.update(moved.customers())
        self._types_issued: dict[str, set[str]] = {}
        for customer, type_ in self._issued.types():
            self._types_issued.setdefault(customer, set()).add(type_)
        self.customers = sorted(names | self._types_issued.keys())

    def rows(self) -> Iterator[Row]:
        """Yield all customers and types in their order, each in the month and, if that differs, its neighbours."""
        for customer in self.customers:
            yield from self.of(customer)

    def of(self, customer: str) -> Iterator[Row]:
        """Yield the rows of a customer: of each type the month first."""
        live, recounted = self._live.of(customer), self._recounted.month.of(customer)
        moved = [sums.of(customer) for sums in self._recounted.moved]
        types = {*live, *recounted, *moved[0], *moved[1], *self._types_issued.get(customer, ())}
        for type_ in sorted(types):
            over = [sums.get(type_, NOTHING)[0] for sums in moved]
            yield self._month_row(customer, type_, live.get(type_, NOTHING), recounted.get(type_, NOTHING), over)
            for edge, micros in zip(self._concerned.edges, over, strict=True):
                row = self._neighbour_row(customer, type_, edge, micros)
                if row.differs:
                    yield row

    def adjustments_of(self, customer: str) -> list[Adjustment]:
        """Return what is to be issued for a customer."""
        found: list[Adjustment] = []
        for row in self.of(customer):
            for cause, micros in row.corrections.items():
                place = Place(customer, row.month, cause, row.type)
                found += adjustments(place, self._issued.last_number(place), micros)
        return found

    def _month_row(self, customer: str, type_: str, live: Amount, recounted: Amount, over: list[int]) -> Row:
        month = self._concerned.month
        pending = self._issued.pending_micros(customer, type_)
        corrections = {
            edge.cause: self._left(Place(customer, month, edge.cause, type_), self._into(edge, month, micros))
            for edge, micros in zip(self._concerned.edges, over, strict=True)
        }
        corrections[RULES] = recounted[0] - live[0] - pending - sum(corrections.values())
        return Row(month, customer, type_, live, recounted, pending, _but_zeros(corrections))

    def _neighbour_row(self, customer: str, type_: str, edge: Edge, micros: int) -> Row:
        month = edge.before if edge.month == self._concerned.month else edge.month
        left = self._left(Place(customer, month, edge.cause, type_), self._into(edge, month, micros))
        return Row(month, customer, type_, None, None, 0, _but_zeros({edge.cause: left}))

    def _left(self, place: Place, wanted_micros: int) -> int:
        return wanted_micros - self._issued.micros(place)

    def _into(self, edge: Edge, month: str, micros: int) -> int:
        """Return what moves over an edge into one of its two months."""
        into_later = edge.sign * micros
        return into_later if month == edge.month else -into_later


def _but_zeros(corrections: Mapping[str, int]) -> dict[str, int]:
    return {cause: micros for cause, micros in corrections.items() if micros}
