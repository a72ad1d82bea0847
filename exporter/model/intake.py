"""What one input partition has sent but is not shown yet: it is shown when its books agree.

The processor commits the customers, the hours and the progress of a partition in one transaction, but a reader gets
the records of a transaction one after the other, and those on different topic partitions in any order. So it keeps
them back until the customers and the hours have the count and the sum that the progress record tells. Each accepted
event raises the counts by one, so they agree when exactly the records of whole commits have been read.
"""

from dataclasses import dataclass, field

from billing.subtotal import CustomerMonthKey, HourKey, Progress
from exporter.model.cube import Cube
from exporter.model.sums import NO_SUMS, Sums, event_count, total_micros

SumsKey = CustomerMonthKey | HourKey


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the books of input partitions are off: sums of absolute differences, all zero when they agree."""

    customers_micros: int = 0
    hours_micros: int = 0
    customers_records: int = 0
    hours_records: int = 0

    def __bool__(self) -> bool:
        return bool(self.customers_micros or self.hours_micros or self.customers_records or self.hours_records)

    def __add__(self, other: "Difference") -> "Difference":
        return Difference(
            self.customers_micros + other.customers_micros,
            self.hours_micros + other.hours_micros,
            self.customers_records + other.customers_records,
            self.hours_records + other.hours_records,
        )


@dataclass
class Books:
    """The three tellings of what one input partition has accepted: (micros, events) by customers, by hours, and
    by the progress record."""

    customers: tuple[int, int] = (0, 0)
    hours: tuple[int, int] = (0, 0)
    progress: tuple[int, int] = (0, 0)

    @property
    def agree(self) -> bool:
        """Whether all three tell the same."""
        return self.customers == self.progress == self.hours

    def difference(self) -> Difference:
        """Return how far customers and hours are off the progress record."""
        micros, records = self.progress
        return Difference(
            abs(self.customers[0] - micros),
            abs(self.hours[0] - micros),
            abs(self.customers[1] - records),
            abs(self.hours[1] - records),
        )


@dataclass
class Intake:
    """The door through which the records of one input partition reach the cube.

    Args:
        partition: the input partition.
        cube: where they are shown.
        staged: sums received and not shown, the newest of each key; None is a tombstone.
        staged_progress: a progress record received and not shown.
        waiting_since: when the oldest of these came, in seconds of a monotonic clock; None if there are none.
        shown_progress: the progress record that belongs to what is shown; None before the first.
        shown_difference: how far the books of what is shown are off.
    """

    partition: int
    cube: Cube
    books: Books = field(default_factory=Books)
    staged: dict[SumsKey, Sums | None] = field(default_factory=dict)
    staged_progress: Progress | None = None
    waiting_since: float | None = None
    shown_progress: Progress | None = None
    shown_difference: Difference = field(default_factory=Difference)

    @property
    def progress(self) -> Progress | None:
        """The newest progress record received, shown or not."""
        return self.staged_progress or self.shown_progress

    def receive_sums(self, key: SumsKey, sums: Sums | None, now_seconds: float) -> None:
        """Keep the newest sums of a key back, and enter them in the books."""
        old = self.staged[key] if key in self.staged else self._shown(key)
        change = (_micros(sums) - _micros(old), _events(sums) - _events(old))
        if isinstance(key, CustomerMonthKey):
            self.books.customers = _moved(self.books.customers, change)
        else:
            self.books.hours = _moved(self.books.hours, change)
        self.staged[key] = sums
        self._wait_from(now_seconds)

    def receive_progress(self, progress: Progress | None, now_seconds: float) -> None:
        """Keep the newest progress record back, and enter it in the books. A tombstone starts it anew."""
        self.staged_progress = progress or Progress()
        self.books.progress = (self.staged_progress.accepted_micros, self.staged_progress.accepted)
        self._wait_from(now_seconds)

    def show(self) -> None:
        """Let all that was kept back into the cube."""
        for key, sums in self.staged.items():
            if isinstance(key, CustomerMonthKey):
                self.cube.set_customer(self.partition, key.month, key.customer, sums)
            else:
                self.cube.set_hour(self.partition, key.hour_start_ms, sums)
        self.staged = {}
        self.shown_progress = self.progress
        self.staged_progress = None
        self.shown_difference = self.books.difference()
        self.waiting_since = None

    def _shown(self, key: SumsKey) -> Sums | None:
        if isinstance(key, CustomerMonthKey):
            return self.cube.partial(self.partition, key.month, key.customer)
        return self.cube.hour_partial(self.partition, key.hour_start_ms)

    def _wait_from(self, now_seconds: float) -> None:
        if self.waiting_since is None:
            self.waiting_since = now_seconds


def _micros(sums: Sums | None) -> int:
    return total_micros(sums or NO_SUMS)


def _events(sums: Sums | None) -> int:
    return event_count(sums or NO_SUMS)


def _moved(entry: tuple[int, int], change: tuple[int, int]) -> tuple[int, int]:
    return entry[0] + change[0], entry[1] + change[1]
