"""What the events of a benchmark add up to, and whether a topic of subtotals says the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from billing.event import DEFAULT_TYPES
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings
from billing.subtotal import CustomerMonthKey, HourKey, ProgressKey, decode_key, decode_progress, decode_subtotal

HOUR_MS = 3_600_000
MICROS_PER_CENT = 10_000

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


def check_subtotals(settings: Settings, partitions: int, truth: Truth) -> None:
    """Compare the committed subtotals and progress with the truth.

    Raises:
        InexactError: they differ.
    """
    latest = newest_values(settings, settings.subtotals_topic, partitions)
    progress = [decode_progress(value) for key, value in latest.items() if isinstance(decode_key(key), ProgressKey)]
    counts = sum(one.accepted for one in progress), sum(one.rejected_total for one in progress)
    compare((truth.accepted, truth.rejected), counts, "accepted and rejected")
    compare(truth.totals(), product_totals(latest), "totals")


def newest_values(settings: Settings, topic: str, partitions: int) -> dict[bytes, bytes]:
    """Return the newest committed value of each key of a topic."""
    latest: dict[bytes, bytes] = {}
    with TopicReader(settings, topic, partitions) as reader:
        for batch in reader.read_to_end():
            latest |= {record.key: record.value for record in batch if record.key and record.value}
    return latest


def product_totals(latest: Mapping[bytes, bytes]) -> Totals:
    """Add up what `billing.subtotals` holds."""
    found: Totals = {}
    for key, value in latest.items():
        decoded = decode_key(key)
        if isinstance(decoded, ProgressKey):
            continue
        for of, sums in decode_subtotal(decoded, value).items():
            whose = (of.month, of.customer) if isinstance(of, CustomerMonthKey) else _hour(of)
            for type_, (micros, count) in sums.items():
                add_to(found, (whose, type_), micros, count)
    return found


def _hour(of: HourKey) -> int:
    return of.hour_start_ms


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
