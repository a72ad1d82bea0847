"""What the events of a benchmark add up to, and whether a topic of subtotals says the same."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.reading import newest_values, without_collection
from billing.event import DEFAULT_TYPES
from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    ProgressKey,
    TypeSums,
    decode_key,
    decode_progress,
    decode_subtotal,
)

HOUR_MS = 3_600_000
MICROS_PER_CENT = 10_000
# A customer's name ends in so many digits, which are its number.
NAME_DIGITS = 6

Integers = NDArray[np.int64]
# (whose, type) -> [micros, count]; whose: (month, customer) or the hour's start in milliseconds.
Totals = dict[tuple[tuple[str, str] | int, str], list[int]]


class InexactError(Exception):
    """Totals are not those of the events: no figure of that run is worth printing."""


@dataclass
class Truth:
    """The sums of events by customer, month and type and by hour and type, kept as they are made.

    Args:
        names: of the customers, by number.
        months: by number.
        first_ms: start of the first month.
        end_ms: end of the last month, exclusive.
    """

    names: list[str]
    months: list[str]
    first_ms: int
    end_ms: int
    rejected: int = 0
    accepted: int = 0
    duplicates: int = 0
    customers: Integers = field(init=False)
    hours: Integers = field(init=False)

    def __post_init__(self) -> None:
        hours = (self.end_ms - self.first_ms) // HOUR_MS
        self.customers = np.zeros((2, len(self.names) * len(self.months) * len(DEFAULT_TYPES)), np.int64)
        self.hours = np.zeros((2, hours * len(DEFAULT_TYPES)), np.int64)

    def add(self, customers: Integers, months: Integers, times_ms: Integers, types: Integers, cents: Integers) -> None:
        """Take in events that must be billed."""
        micros, kinds = cents * MICROS_PER_CENT, len(DEFAULT_TYPES)
        hours = (times_ms - self.first_ms) // HOUR_MS
        for sums, places in (
            (self.customers, (customers * len(self.months) + months) * kinds + types),
            (self.hours, hours * kinds + types),
        ):
            np.add.at(sums[0], places, micros)
            np.add.at(sums[1], places, 1)
        self.accepted += len(cents)

    def with_customer(self, name: str) -> "Truth":
        """Return the same with one more customer, whose name ends in the next number."""
        truth = replace(self, names=[*self.names, name])
        truth.customers[:, : self.customers.shape[1]] = self.customers
        truth.hours[:] = self.hours
        return truth

    def take(self, of: CustomerMonthKey | HourKey, sums: TypeSums) -> None:
        """Take in what a product's record says of a customer's month or an hour.

        Raises:
            InexactError: there is no such customer, month or hour.
        """
        try:
            if isinstance(of, CustomerMonthKey):
                number = int(of.customer[-NAME_DIGITS:])
                compare(self.names[number], of.customer, "customers")
                array, row = self.customers, number * len(self.months) + self.months.index(of.month)
            else:
                array, row = self.hours, (of.hour_start_ms - self.first_ms) // HOUR_MS
            for type_, (micros, count) in sums.items():
                place = row * len(DEFAULT_TYPES) + DEFAULT_TYPES.index(type_)
                array[0, place] += micros
                array[1, place] += count
        except (IndexError, ValueError):
            raise InexactError(f"no event was of {of}") from None

    @property
    def micros(self) -> int:
        """The sum of all."""
        return int(self.customers[0].sum())

    def totals(self) -> Totals:
        """Return all sums that are not empty, by name."""
        found: Totals = {}
        kinds, months = len(DEFAULT_TYPES), len(self.months)
        for place in np.flatnonzero(self.customers[1]).tolist():
            row, kind = divmod(place, kinds)
            whose = (self.months[row % months], self.names[row // months])
            found[whose, DEFAULT_TYPES[kind]] = self.customers[:, place].tolist()
        for place in np.flatnonzero(self.hours[1]).tolist():
            hour, kind = divmod(place, kinds)
            found[self.first_ms + hour * HOUR_MS, DEFAULT_TYPES[kind]] = self.hours[:, place].tolist()
        return found


@without_collection()
def check_subtotals(servers: str, topic: str, partitions: int, truth: Truth) -> None:
    """Compare the committed subtotals and progress with the truth.

    Raises:
        InexactError: they differ.
    """
    found = Truth(truth.names, truth.months, truth.first_ms, truth.end_ms)
    for key, value in newest_values(servers, topic, partitions).items():
        decoded = decode_key(key)
        if isinstance(decoded, ProgressKey):
            progress = decode_progress(value)
            found.accepted += progress.accepted
            found.rejected += progress.rejected_total
            found.duplicates += progress.duplicates
            continue
        for of, sums in decode_subtotal(decoded, value).items():
            found.take(of, sums)
    counts = [(one.accepted, one.rejected, one.duplicates) for one in (truth, found)]
    compare(counts[0], counts[1], "accepted, rejected and duplicates")
    compare(True, np.array_equal(truth.customers, found.customers), "totals of customers")
    compare(True, np.array_equal(truth.hours, found.hours), "totals of hours")


def add_to(totals: Totals, key: tuple[tuple[str, str] | int, str], micros: int, count: int) -> None:
    """Add to one of the totals."""
    entry = totals.setdefault(key, [0, 0])
    entry[0] += micros
    entry[1] += count


def compare(expected: object, found: object, what: str) -> None:
    """Compare what should be with what is.

    Raises:
        InexactError: they differ.
    """
    if expected != found:
        raise InexactError(f"{what} are not those of the events produced: no figure is worth printing")
