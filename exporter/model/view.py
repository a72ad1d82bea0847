"""What can be asked of the read model while it is held still."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from billing.event import Reason
from billing.subtotal import Progress
from billing.sums import NO_SUMS, Sums, TypeTable, event_count, of_slot, total_micros
from exporter.kernel.arrays import Codes
from exporter.model.cube import Cube, MonthCube
from exporter.model.intake import Imbalance, Intake
from exporter.model.invoices import IssuedInvoices
from exporter.model.ordered import BehindError, HeavyQuestionError, NotWantedError, Ordered
from exporter.model.ranking import Measure, Ranking

# Rankings kept up to date per month; a further one takes the place of the one not used for longest.
MAX_RANKINGS = 8
# Some 10 ms.
MOST_ROWS_AT_ONCE = 1_000
# So many items of a long answer are gone through between two questions whether it is still wanted: some milliseconds.
_ASKS_EACH = 256

Item = TypeVar("Item")


class Sort(StrEnum):
    """The orders of customers."""

    TOTAL = "total"
    """Highest total first."""

    COUNT = "count"
    """Most events first."""

    CUSTOMER = "customer"
    """By name, in code point order."""


class MonthStatus(StrEnum):
    """Whether a month can still change."""

    OPEN = "open"
    FINAL = "final"


@dataclass(frozen=True)
class View:
    """One whole state. Use it only inside ``with model.reading() as view``, and do not wait for anything there.

    Args:
        cube: the sums.
        intakes: the input partitions.
        invoices: the ledger.
        version: rises with each state.
        at_once: whether others wait meanwhile: then it refuses what would take long, and BehindError or
            HeavyQuestionError tells how it is answered instead.
        is_wanted: whether anybody still waits for the answer.
    """

    cube: Cube
    intakes: Collection[Intake]
    invoices: IssuedInvoices
    version: int
    at_once: bool = False
    is_wanted: Callable[[], bool] = lambda: True

    def expect(self, rows: int) -> None:
        """Say how many customers, hours or rows an answer may have to go through.

        Raises:
            HeavyQuestionError: they are too many for now.
        """
        if rows > MOST_ROWS_AT_ONCE:
            self.take_time()

    def take_time(self) -> None:
        """Say that an answer may take long.

        Raises:
            HeavyQuestionError: it must not.
        """
        if self.at_once:
            raise HeavyQuestionError

    def while_wanted(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items, which may be many, for as long as anybody waits for what comes of them.

        Raises:
            NotWantedError: nobody does any more.
        """
        for number, item in enumerate(items):
            if number % _ASKS_EACH == 0 and not self.is_wanted():
                raise NotWantedError
            yield item

    def _check_order(self, order: Ordered) -> None:
        if self.at_once and order.is_behind:
            raise BehindError(order)

    @property
    def types(self) -> TypeTable:
        """The event types, and the slot of each in all sums."""
        return self.cube.types

    @property
    def sums(self) -> Sums:
        """The sums over all months and customers."""
        return self.cube.sums

    @property
    def as_of_ms(self) -> int | None:
        """The newest event time counted, in milliseconds; None before the first event."""
        shown = (intake.shown_progress for intake in self.intakes)
        newest_ms = max((progress.watermark_ms for progress in shown if progress is not None), default=-1)
        return newest_ms if newest_ms >= 0 else None

    def progress(self) -> dict[int, Progress]:
        """Return the progress of each input partition, in their order."""
        shown = ((intake.partition, intake.shown_progress) for intake in self.intakes)
        return {partition: progress for partition, progress in sorted(shown) if progress is not None}

    def zones(self) -> dict[int, str]:
        """Return the zone by which each input partition that has any events is counted."""
        return {partition: one.time_zone for partition, one in self.progress().items() if one.next_offset}

    def next_offsets(self) -> dict[int, int]:
        """Return the offset up to which each input partition is counted."""
        return {partition: progress.next_offset for partition, progress in self.progress().items()}

    def rejected(self) -> dict[str, int]:
        """Return the number of rejected records by reason: every reason there is, also without any.

        Duplicates are not among them, whether or not they are kept in the topic of rejected records.
        """
        counts: dict[str, int] = dict.fromkeys((reason.value for reason in Reason if reason is not Reason.DUPLICATE), 0)
        for progress in self.progress().values():
            for reason, count in progress.rejected.items():
                counts[reason] = counts.get(reason, 0) + count
        return counts

    def imbalance(self) -> Imbalance:
        """Return how far the books are off, over all input partitions."""
        return sum((intake.shown_imbalance for intake in self.intakes), Imbalance())

    def months(self) -> list[str]:
        """Return the months with events, oldest first."""
        return sorted(self.cube.months)

    def newest_month(self, slot: int | None = None) -> str | None:
        """Return the newest month with events, of one type if `slot` names it; None if there is none."""
        if slot is None:
            return max(self.cube.months, default=None)
        return max((month for month, cube in self.cube.months.items() if of_slot(cube.sums, slot)[1]), default=None)

    def status(self, month: str) -> MonthStatus:
        """Say whether a month's invoices are issued."""
        return MonthStatus.FINAL if self.invoices.is_closed(month) else MonthStatus.OPEN

    def has_month(self, month: str) -> bool:
        """Say whether a month has events."""
        return month in self.cube.months

    def month_sums(self, month: str) -> Sums:
        """Return the sums of a month over all customers: nothing if it has no events."""
        cube = self.cube.months.get(month)
        return NO_SUMS if cube is None else cube.sums

    def customers(self, month: str) -> Mapping[str, Sums]:
        """Return the customers of a month."""
        cube = self.cube.months.get(month)
        return {} if cube is None else cube.customers

    def active_customers(self, month: str, slot: int | None = None) -> int:
        """Return how many customers have events in a month, of one type if `slot` names it."""
        cube = self.cube.months.get(month)
        if cube is None:
            return 0
        return len(cube.columns) if slot is None else cube.columns.active(slot)

    def known_customers(self) -> int:
        """Return how many customers have ever had events."""
        return len(self.cube.names)

    def is_customer(self, name: str) -> bool:
        """Say whether a customer of that name has ever had events."""
        return name in self.cube.names

    def customer(self, customer: str, month: str) -> Sums | None:
        """Return what a customer has in a month; None if nothing."""
        return self.customers(month).get(customer)

    def newest_of(self, customer: str) -> tuple[str, Sums] | None:
        """Return the newest month in which a customer has events, and what it has there; None if there is none."""
        code = self.cube.all_names.find(customer)
        for month in sorted(self.cube.months, reverse=True):
            sums = self.cube.months[month].columns.sums(code)
            if sums is not None:
                return month, sums
        return None

    def customer_months(self, customer: str) -> list[str]:
        """Return the months in which a customer has events, oldest first."""
        code = self.cube.all_names.find(customer)
        return [month for month in self.months() if self.cube.months[month].columns.has(code)]

    def ranked(
        self, month: str, sort: Sort, slot: int | None = None, after: tuple[int, str] | None = None
    ) -> Iterator[str]:
        """Yield a month's customers, highest first.

        Args:
            month: the month.
            sort: total or count.
            slot: counts this type alone, and leaves out who has none of it; None counts all.
            after: go on after this place: (value, customer).
        """
        cube = self.cube.months.get(month)
        if cube is None:
            return iter(())
        return (customer for _, customer in self._ranking(cube, sort, slot).entries(after))

    def highest_totals(self, month: str, most: int, but: str) -> tuple[list[str], list[int]]:
        """Return the names of so many customers of a month, highest total first, and their totals in micros.

        Args:
            month: the month.
            most: how many at most.
            but: the name of a customer that is left out.
        """
        cube = self.cube.months.get(month)
        if cube is None:
            return [], []
        keys, names = self._ranking(cube, Sort.TOTAL, None).first(most + 1)
        if but in names:
            del keys[names.index(but)], names[names.index(but)]
        return names[:most], [-key for key in keys[:most]]

    def named(self, prefix: str, month: str | None = None, after: str = "") -> Iterator[str]:
        """Yield the customers whose names begin with `prefix`, after the name `after`, in order of their names.

        Without a month, those of all months.
        """
        cube = None if month is None else self.cube.months.get(month)
        if month is not None and cube is None:
            return iter(())
        self._check_order(self.cube.name_index)
        mask = self.cube.names.is_known if cube is None else cube.columns.arrays.present
        return self.cube.name_index.starting_with(prefix, after, partial(_among, mask))

    def hour_range(self) -> tuple[int, int] | None:
        """Return the first and the newest hour with events, by their starts; None if there is none."""
        starts = self.cube.hours.starts()
        return (starts[0], starts[-1]) if starts else None

    def hours(self, from_ms: int, to_ms: int) -> list[tuple[int, Sums]]:
        """Return the hours with events whose start lies in [from, to), in their order."""
        known, starts = self.cube.hours.now, self.cube.hours.starts()
        chosen = starts[bisect_left(starts, from_ms) : bisect_left(starts, to_ms)]
        return [(hour, known[hour]) for hour in chosen]

    def _ranking(self, cube: MonthCube, sort: Sort, slot: int | None) -> Ranking:
        key = (sort.value, slot)
        # Taken out and put back at the end: the first one is the one not used for longest.
        ranking = cube.rankings.pop(key, None)
        if ranking is None:
            ranking = Ranking(cube.names, cube.columns, measure_of(sort, slot), slot, sort is Sort.COUNT)
        cube.rankings[key] = ranking
        if len(cube.rankings) > MAX_RANKINGS:
            del cube.rankings[next(iter(cube.rankings))]
        self._check_order(ranking)
        return ranking


def _among(mask: NDArray[Any], codes: Codes) -> NDArray[np.bool_]:
    """Say which customers a mask has; those behind its end are not among them."""
    inside: NDArray[np.bool_] = codes < len(mask)
    return inside & mask[np.where(inside, codes, 0)].astype(np.bool_) if len(mask) else inside


def measure_of(sort: Sort, slot: int | None) -> Measure:
    """Return what customers are ordered by; a customer without events of the type is left out."""
    if slot is None:
        return total_micros if sort is Sort.TOTAL else event_count
    part = 0 if sort is Sort.TOTAL else 1
    return lambda sums: of_slot(sums, slot)[part] if of_slot(sums, slot)[1] else None
