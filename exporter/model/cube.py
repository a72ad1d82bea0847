"""The sums that are shown: per customer and month, per month, and per hour, each over all input partitions.

Every record is an absolute partial sum of one input partition, so setting one twice changes nothing, and setting
many in any order gives the same sums.
"""

from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from billing.sums import NO_SUMS, Sums, TypeTable, plus
from exporter.kernel.arrays import Codes, Integers, ParsedArrays
from exporter.model.columns import MonthColumns
from exporter.model.customers import KnownNames, MonthCustomers
from exporter.model.hour_sums import HourSums
from exporter.model.month_numbers import MonthNumbers
from exporter.model.name_index import NameIndex
from exporter.model.names import Names
from exporter.model.ranking import Ranking


@dataclass
class MonthCube:
    """One month with events: its customers, their sum, and the orders that were asked for."""

    names: Names
    columns: MonthColumns
    sums: Sums = NO_SUMS
    rankings: dict[tuple[str, int | None], Ranking] = field(default_factory=dict)

    @property
    def customers(self) -> MonthCustomers:
        """The customers and their sums."""
        return MonthCustomers(self.names, self.columns)

    def still(self) -> "MonthCube":
        """Return the month as it is now; it does not change any more."""
        return MonthCube(self.names, self.columns.still(), self.sums)


class Cube:
    """All sums, changed by partials. It is not thread-safe, but for `numbers` and `all_names`, see there."""

    def __init__(self, types: TypeTable) -> None:
        self.types = types
        self.months: dict[str, MonthCube] = {}
        self.hours = HourSums()
        self.numbers = MonthNumbers()
        self.all_names = Names()
        self.names = KnownNames(self.all_names)
        self.name_index = NameIndex(self.all_names)
        # Number of a month -> its sums, also if there are none any more.
        self._columns: dict[int, MonthColumns] = {}

    def still(self) -> "Cube":
        """Return all sums that are shown as they are now; they do not change any more. Partials are left out."""
        copy = Cube(self.types)
        copy.months = {name: month.still() for name, month in self.months.items()}
        copy.hours, copy.all_names = self.hours.still(), self.all_names
        copy.names, copy.name_index = self.names.still(), self.name_index.still()
        return copy

    @property
    def sums(self) -> Sums:
        """The sums over all months and customers."""
        return reduce(plus, (month.sums for month in self.months.values()), NO_SUMS)

    def shown(self, number: int) -> MonthColumns | None:
        """Return the sums of a month by its number; None before there were any."""
        return self._columns.get(number)

    def partial(self, partition: int, month: str, customer: str) -> Sums | None:
        """Return what an input partition has for a customer and month."""
        columns = self._columns.get(self.numbers.of(month))
        return None if columns is None else columns.partial(self.all_names.find(customer), partition)

    def set_customer(self, partition: int, month: str, customer: str, sums: Sums | None) -> Sums | None:
        """Replace what an input partition has for a customer and month; None takes it away. Return what it had."""
        code, number = self.all_names.add(customer), self.numbers.of(month)
        return self.put(partition, number, code, sums)

    def put(self, partition: int, number: int, code: int, sums: Sums | None) -> Sums | None:
        """Do the same by the number of the month and the code of the customer."""
        columns = self._columns_of(number)
        old = columns.partial(code, partition)
        self.names.add(code)
        difference = columns.put(code, partition, sums)
        self._entered(number, np.array([code], np.int32), difference)
        return old

    def put_parsed(self, number: int, positions: Integers, parsed: ParsedArrays) -> dict[int, Sums]:
        """Replace what input partitions have for customers of a month by what was read.

        Args:
            number: of the month.
            positions: which of what was read is its.
            parsed: what was read.

        Returns:
            Input partition -> what the month has got more.
        """
        codes = parsed.codes[positions]
        self.names.add(codes)
        differences = self._columns_of(number).put_parsed(positions, parsed, len(self.all_names))
        self._entered(number, codes, reduce(plus, differences.values(), NO_SUMS))
        return differences

    def _columns_of(self, number: int) -> MonthColumns:
        if number not in self._columns:
            self._columns[number] = MonthColumns.empty(len(self.types.names))
        return self._columns[number]

    def _entered(self, number: int, codes: Codes, difference: Sums) -> None:
        """Bring what follows from a month's columns up to date."""
        name, columns = self.numbers.name(number), self._columns[number]
        if not len(columns):
            self.months.pop(name, None)
            return
        month = self.months.get(name)
        if month is None:
            month = self.months[name] = MonthCube(self.all_names, columns)
        month.sums = plus(month.sums, difference)
        for ranking in month.rankings.values():
            ranking.note(codes)
