"""What one input partition has sent but is not shown yet: it is shown when its books agree.

The processor commits the customers, the hours and the progress of a partition in one transaction, on one partition of
the topic and the progress record last, but a reader gets them one after the other. So it keeps them back until the
customers and the hours have the count and the sum that the progress record tells, and the same of each type: they agree
when the records of whole commits have been read. That they do so at each progress record is verified rather than
assumed: compaction may take records out of a commit that a slow reader has not read yet, because newer ones of the same
keys follow. What is missing then may add up to nothing, such as an event and a void of one like it; the newer records
bring it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from billing.subtotal import CustomerMonthKey, HourBlockKey, Progress, hour_block
from billing.sums import NO_SUMS, Sums, event_count, minus, plus, total_micros
from exporter.kernel.arrays import Integers, ParsedArrays
from exporter.model.cube import Cube
from exporter.model.decoding import Hours
from exporter.model.staged_sums import StagedSums


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How far the books of input partitions are off: sums of absolute differences, all zero when they agree."""

    customers_micros: int = 0
    hours_micros: int = 0
    customers_records: int = 0
    hours_records: int = 0

    def __bool__(self) -> bool:
        return bool(self.customers_micros or self.hours_micros or self.customers_records or self.hours_records)

    def __add__(self, other: "Imbalance") -> "Imbalance":
        return Imbalance(
            self.customers_micros + other.customers_micros,
            self.hours_micros + other.hours_micros,
            self.customers_records + other.customers_records,
            self.hours_records + other.hours_records,
        )


@dataclass(slots=True)
class Account:
    """One telling of what an input partition has billed: a sum in micros and a count of events, and both by type."""

    micros: int = 0
    records: int = 0
    # Of different lengths when they are equal, if there are zeros at the end.
    sums: Sums = field(default=NO_SUMS, compare=False)

    def add(self, sums: Sums) -> None:
        """Enter that there is more."""
        self.sums = plus(self.sums, sums)
        self.micros += total_micros(sums)
        self.records += event_count(sums)

    def replace(self, old: Sums | None, new: Sums | None) -> None:
        """Enter that sums have taken the place of others."""
        if old != new:
            self.add(minus(new or NO_SUMS, old or NO_SUMS))


@dataclass(slots=True)
class Books:
    """The three tellings: by the customers, by the hours, and by the progress record."""

    customers: Account = field(default_factory=Account)
    hours: Account = field(default_factory=Account)
    progress: Account = field(default_factory=Account)

    @property
    def agree(self) -> bool:
        """Whether all three tell the same."""
        return not self.imbalance()

    def imbalance(self) -> Imbalance:
        """Return how far customers and hours are off the progress record.

        If neither is, the hours of each type are held against the customers, for the progress record knows no types.
        """
        found = Imbalance(
            abs(self.customers.micros - self.progress.micros),
            abs(self.hours.micros - self.progress.micros),
            abs(self.customers.records - self.progress.records),
            abs(self.hours.records - self.progress.records),
        )
        if found:
            return found
        off = [abs(number) for number in minus(self.hours.sums, self.customers.sums)]
        return Imbalance(hours_micros=max(off[::2], default=0), hours_records=max(off[1::2], default=0))


@dataclass(slots=True)
class Intake:
    """The door through which the records of one input partition reach the cube.

    Args:
        partition: the input partition.
        cube: where they are shown.
        books: of all that was received, shown or not.
        customers: sums of customers received and not shown.
        hours: the same of hours, by their starts; None is a tombstone.
        staged_progress: a progress record received and not shown.
        waiting_since: when the oldest of these came, in seconds of a monotonic clock; None if there are none.
        shown_progress: the progress record that belongs to what is shown; None before the first.
        shown_imbalance: how far the books of what is shown are off.
    """

    partition: int
    cube: Cube
    customers: StagedSums
    books: Books = field(default_factory=Books)
    hours: dict[int, Sums | None] = field(default_factory=dict)
    staged_progress: Progress | None = None
    waiting_since: float | None = None
    shown_progress: Progress | None = None
    shown_imbalance: Imbalance = field(default_factory=Imbalance)

    @property
    def whole(self) -> bool:
        """Whether what is kept back is whole commits. Sums alone never are: each commit has its progress record."""
        return self.staged_progress is not None and self.books.agree

    def load(self, key: CustomerMonthKey, sums: Sums | None) -> None:
        """Let sums into the cube at once: nobody looks yet, so half a commit does no harm."""
        before = self.cube.set_customer(self.partition, key.month, key.customer, sums)
        self.books.customers.replace(before, sums)

    def load_hours(self, key: HourBlockKey, hours: Hours | None) -> None:
        """Do the same with the sums of hours of a block; None takes all away that are known."""
        for at, sums in self._told_of(key, hours).items():
            self.books.hours.replace(self.cube.hours.put(self.partition, at, sums), sums)

    def stage(self, key: CustomerMonthKey, sums: Sums | None, now_seconds: float) -> None:
        """Keep the newest sums of a key back, and enter them in the books."""
        code, number = self.cube.all_names.add(key.customer), self.cube.numbers.of(key.month)
        self.books.customers.add(self.customers.put(code, number, sums, self.cube.shown(number)))
        self._wait(now_seconds)

    def stage_hours(self, key: HourBlockKey, hours: Hours | None, now_seconds: float) -> None:
        """Do the same with the sums of hours of a block. Those that are what they were are not touched."""
        shown, staged, change = self.cube.hours.of_block(self.partition, key.block_start_ms), self.hours, NO_SUMS
        for at, sums in self._told_of(key, hours).items():
            before = staged[at] if at in staged else shown.get(at)
            if sums != before:
                change = plus(change, minus(sums or NO_SUMS, before or NO_SUMS))
                staged[at] = sums
        self.books.hours.add(change)
        self._wait(now_seconds)

    def stage_parsed(self, positions: Integers, parsed: ParsedArrays, now_seconds: float) -> None:
        """Do the same with sums of customers as they were read."""
        for number, chosen in by_month(positions, parsed):
            self.books.customers.add(self.customers.put_parsed(chosen, parsed, number, self.cube.shown(number)))
        self._wait(now_seconds)

    def stage_progress(self, progress: Progress | None, now_seconds: float) -> None:
        """Keep the newest progress record back, and enter it in the books. A tombstone starts it anew."""
        self.staged_progress = progress or Progress()
        self.books.progress = Account(self.staged_progress.accepted_micros, self.staged_progress.events)
        self._wait(now_seconds)

    def show(self) -> None:
        """Let all that was kept back into the cube."""
        for number, what, which in self.customers.take():
            if isinstance(what, ParsedArrays):
                self.cube.put_parsed(number, cast("Integers", which), what)
            else:
                self.cube.put(self.partition, number, what, cast("Sums | None", which))
        for at, sums in self.hours.items():
            self.cube.hours.put(self.partition, at, sums)
        self.hours = {}
        self.shown_progress = self.staged_progress or self.shown_progress
        self.staged_progress = None
        self.shown_imbalance = self.books.imbalance()
        self.waiting_since = None

    def _wait(self, now_seconds: float) -> None:
        if self.waiting_since is None:
            self.waiting_since = now_seconds

    def _told_of(self, key: HourBlockKey, hours: Hours | None) -> Mapping[int, Sums | None]:
        """Return what is told of a block: nothing of each of its hours that anything is known of, if it is gone."""
        if hours is not None:
            return hours
        staged = [at for at in self.hours if hour_block(at)[0] == key.block_start_ms]
        return dict.fromkeys([*staged, *self.cube.hours.of_block(self.partition, key.block_start_ms)])


def by_month(positions: Integers, parsed: ParsedArrays) -> Iterator[tuple[int, Integers]]:
    """Yield the number of each month that something was read of, and the positions that are its."""
    months = parsed.months[positions]
    for number in np.unique(months).tolist():
        yield number, positions[months == number]
