"""The sums that are shown: per customer and month, per month, and per hour, each over all input partitions.

Every record is an absolute partial sum of one input partition, so setting one twice changes nothing, and setting
many in any order gives the same sums.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import reduce

from billing.subtotal import hour_block
from billing.sums import NO_SUMS, Sums, TypeTable, minus, plus
from exporter.model.lent_dict import LentDict
from exporter.model.names import NameIndex
from exporter.model.ranking import Ranking


@dataclass
class MonthCube:
    """One month: its customers, their sum, and how many of them have events of each type (by slot)."""

    everybody: LentDict[str, Sums] = field(default_factory=LentDict)
    sums: Sums = NO_SUMS
    active: list[int] = field(default_factory=list)
    rankings: dict[tuple[str, int | None], Ranking] = field(default_factory=dict)
    names: NameIndex | None = None

    @property
    def customers(self) -> dict[str, Sums]:
        """The customers and their sums. Read it, do not change it."""
        return self.everybody.now

    def still(self) -> "MonthCube":
        """Return the month as it is now; it does not change any more."""
        return MonthCube(self.everybody.still(), self.sums, list(self.active))


class Cube:
    """All sums, changed by one partial at a time. It is not thread-safe."""

    def __init__(self, types: TypeTable) -> None:
        self.types = types
        self.months: dict[str, MonthCube] = {}
        self.hours: dict[int, Sums] = {}
        # Sorted when asked for: a new hour comes once per hour of event time.
        self._hour_starts: list[int] | None = None
        self._names: LentDict[str, str] = LentDict()
        self.name_index: NameIndex | None = None
        self._partials: defaultdict[tuple[int, str], dict[str, Sums]] = defaultdict(dict)
        # (input partition, start of a block) -> hour's start -> sums.
        self._hour_partials: defaultdict[tuple[int, int], dict[int, Sums]] = defaultdict(dict)

    @property
    def names(self) -> dict[str, str]:
        """All customers that ever had events. Read it, do not change it."""
        return self._names.now

    def index_of_names(self) -> NameIndex:
        """Return the index of all customers; it is made when it is first asked for."""
        if self.name_index is None:
            self.name_index = NameIndex(self._names)
        return self.name_index

    def still(self) -> "Cube":
        """Return all sums that are shown as they are now; they do not change any more. Partials are left out."""
        copy = Cube(self.types)
        copy.months = {name: month.still() for name, month in self.months.items()}
        copy.hours = dict(self.hours)
        copy._names = self._names.still()
        return copy

    @property
    def sums(self) -> Sums:
        """The sums over all months and customers."""
        return reduce(plus, (month.sums for month in self.months.values()), NO_SUMS)

    def partial(self, partition: int, month: str, customer: str) -> Sums | None:
        """Return what an input partition has for a customer and month."""
        return self._partials[partition, month].get(customer)

    def hour_partial(self, partition: int, hour_start_ms: int) -> Sums | None:
        """Return what an input partition has for an hour."""
        return self._hour_partials[partition, hour_block(hour_start_ms)[0]].get(hour_start_ms)

    def block_hours(self, partition: int, block_start_ms: int) -> list[int]:
        """Return the starts of the hours of a block that an input partition has anything for."""
        return list(self._hour_partials[partition, block_start_ms])

    def set_customer(self, partition: int, month: str, customer: str, sums: Sums | None) -> Sums | None:
        """Replace what an input partition has for a customer and month; None takes it away. Return what it had."""
        customer = self._intern(customer)
        partials = self._partials[partition, month]
        old = partials.get(customer)
        if old == sums:
            return old
        if sums is None:
            del partials[customer]
        else:
            partials[customer] = sums
        cube = self.months.get(month)
        if cube is None:
            cube = self.months[month] = MonthCube()
        before = cube.customers.get(customer)
        # Only one partition knows the customer: share the tuple instead of making an equal one.
        after = sums if before is old else plus(minus(before or NO_SUMS, old or NO_SUMS), sums or NO_SUMS)
        self._replace(cube, month, customer, before, after)
        return old

    def set_hour(self, partition: int, hour_start_ms: int, sums: Sums | None) -> Sums | None:
        """Replace what an input partition has for an hour; None takes it away. Return what it had."""
        partials = self._hour_partials[partition, hour_block(hour_start_ms)[0]]
        old = partials.get(hour_start_ms)
        if sums is None:
            partials.pop(hour_start_ms, None)
        else:
            partials[hour_start_ms] = sums
        before = self.hours.get(hour_start_ms)
        after = plus(minus(before or NO_SUMS, old or NO_SUMS), sums or NO_SUMS)
        if any(after):
            self.hours[hour_start_ms] = after
        else:
            self.hours.pop(hour_start_ms, None)
        if (before is None) is (hour_start_ms in self.hours):
            self._hour_starts = None
        return old

    def hour_starts(self) -> list[int]:
        """Return the starts of the hours with events, in their order. Read it, do not change it."""
        if self._hour_starts is None:
            self._hour_starts = sorted(self.hours)
        return self._hour_starts

    def _replace(self, cube: MonthCube, month: str, customer: str, before: Sums | None, after: Sums | None) -> None:
        if after is not None and not any(after):
            after = None
        change = minus(after or NO_SUMS, before) if before else after or NO_SUMS
        cube.sums = plus(cube.sums, change)
        _count_active(cube.active, before or NO_SUMS, after or NO_SUMS)
        for ranking in cube.rankings.values():
            ranking.note(customer, before)
        if after is None:
            self._forget(cube, month, customer, before)
            return
        cube.everybody.changing()[customer] = after
        if before is None and cube.names is not None:
            cube.names.add(customer)

    def _forget(self, cube: MonthCube, month: str, customer: str, before: Sums | None) -> None:
        if before is not None:
            del cube.everybody.changing()[customer]
            if cube.names is not None:
                cube.names.remove(customer)
        if not cube.customers:
            del self.months[month]

    def _intern(self, customer: str) -> str:
        known = self._names.now.get(customer)
        if known is None:
            known = self._names.changing()[customer] = customer
            if self.name_index is not None:
                self.name_index.add(customer)
        return known


def _count_active(active: list[int], before: Sums, after: Sums) -> None:
    """Move the numbers of customers with events of each type: this one had `before` and has `after`."""
    longer = max(len(before), len(after)) // 2
    if longer > len(active):
        active += [0] * (longer - len(active))
    for slot, count in enumerate(before[1::2]):
        if count:
            active[slot] -= 1
    for slot, count in enumerate(after[1::2]):
        if count:
            active[slot] += 1
