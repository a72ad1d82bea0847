"""Finds the records of one customer among many: compiled code looks at all, Python at those that it finds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from billing.event import EventRejectedError, EventRules, Void, decode_record
from billing.listed_record import Listed, RecordLister, Sent
from billing.named_customer import may_name
from billing.period import MonthCalendar
from billing.runtime.native.block import JoinedValues, RecordBlock, joined
from processor.kernel.rows import ID_LENGTH, MS
from processor.kernel.select import keys_between, rows_of_customer, values_naming
from processor.reading import EventReader, Reading
from qb.explain.rejected_places import RejectedPlaces, note_place
from qb.explain.scope import Scope


@dataclass(frozen=True)
class Months:
    """Event times that are looked for.

    Args:
        calendar: the billing periods.
        start_ms: the earliest event time, inclusive.
        end_ms: the latest event time, exclusive.
    """

    calendar: MonthCalendar
    start_ms: int
    end_ms: int


def months_of(scope: Scope, calendar: MonthCalendar) -> Months:
    """Return the event times of a scope.

    Raises:
        KeyError: its month lies outside the calendar.
    """
    start_ms = calendar.bounds_ms(scope.first_month)[0] if scope.first_month else calendar.starts_ms[0]
    return Months(calendar, start_ms, calendar.bounds_ms(scope.last_month)[1])


class CustomerFinder:
    """Finds one customer's records.

    Args:
        rules: what an event must keep to.
        customer: whose they are.
        months: the event times that are looked for.
    """

    def __init__(self, rules: EventRules, customer: str, months: Months) -> None:
        self.lister = RecordLister(rules, customer, months.calendar)
        self._rules = rules
        self._customer, self._name = customer, customer.encode()
        self._months = months
        self._reader = EventReader(rules)
        # The buffer is kept, for its address is.
        self._buffer, addresses, lengths = joined([self._name])
        self._place, self._length = int(addresses[0]), int(lengths[0])
        self._found = np.empty(0, np.int64)

    def note_rejected(self, block: RecordBlock, now_ms: int, places: RejectedPlaces, topic: str) -> None:
        """Take down the customer's events among rejected records: what today's rules and clock would accept.

        Args:
            block: records of the topic of rejected records.
            now_ms: the time against which future event times are measured.
            places: where they are taken down.
            topic: the input topic.
        """
        for index in self.naming(block):
            if self._is_event(block.value(index), now_ms):
                note_place(dict(block.headers(index)), topic, places)

    def naming(self, block: RecordBlock) -> list[int]:
        """Return where the records are that may name the customer, ascending; all that do are among them."""
        found = self._room_for(len(block))
        count = values_naming(block.values, block.value_lengths, self._place, self._length, found)
        positions: list[int] = found[:count].tolist()
        return positions

    def _is_event(self, value: bytes | None, now_ms: int) -> bool:
        try:
            return decode_record(value, self._rules, now_ms).customer == self._customer
        except EventRejectedError:
            return False

    def found(self, block: RecordBlock, now_ms: int, places: RejectedPlaces) -> Iterator[Sent | Listed]:
        """Yield the customer's records in their order: events of the months or with an id, voids, and rejected ones.

        By an id, an event of another month may stand for what a void takes back, or be what takes an event back.

        Args:
            block: input records.
            now_ms: the time against which future event times are measured.
            places: the events that were rejected by the rules or the clock of their day.
        """
        reading = self._reader.read(block, now_ms)
        named = [one.position for one in reading.rejections if may_name(block.value(one.position), self._name)]
        voids = [index for index, one in reading.special.items() if isinstance(one, Void)]
        for index in sorted([*self._positions(reading), *named, *voids]):
            partition, offset = int(block.partitions[index]), int(block.offsets[index])
            rejected_as = places.reason_at(partition, offset)
            one = self.lister.read(partition, offset, block.value(index), now_ms, rejected_as)
            if one is not None:
                yield one

    def _positions(self, reading: Reading) -> list[int]:
        found, months, rows = self._room_for(len(reading.rows)), self._months, reading.rows
        always = months.calendar.starts_ms
        count = rows_of_customer(rows, self._place, self._length, always[0], always[-1], found)
        some, special = found[:count], np.fromiter(reading.special, np.int64, len(reading.special))
        times = rows[some, MS]
        wanted = (times >= months.start_ms) & (times < months.end_ms) | (rows[some, ID_LENGTH] > 0)
        positions: list[int] = some[wanted | np.isin(some, special)].tolist()
        return positions

    def _room_for(self, records: int) -> NDArray[np.int64]:
        if len(self._found) < records:
            self._found = np.empty(records, np.int64)
        return self._found


class KeyFinder:
    """Finds the records whose keys begin with one text and end with another.

    Args:
        beginning: how a key begins.
        ending: how it ends.
    """

    def __init__(self, beginning: str, ending: str = "") -> None:
        # The buffer is kept, for its addresses are.
        self._buffer, addresses, lengths = joined([beginning.encode(), ending.encode()])
        self._addresses: list[int] = addresses.tolist()
        self._lengths: list[int] = lengths.tolist()

    def positions(self, block: RecordBlock) -> list[int]:
        """Return where they are in a block, ascending."""
        found: NDArray[np.int64] = np.empty(len(block), np.int64)
        (beginning, ending), (beginning_length, ending_length) = self._addresses, self._lengths
        count = keys_between(block.keys, block.key_lengths, beginning, beginning_length, ending, ending_length, found)
        positions: list[int] = found[:count].tolist()
        return positions


def compile_kernels() -> None:
    """Call each kernel once, as the command calls it."""
    records = JoinedValues([b"1488142855,Charlie,199.99"])
    rows = EventReader(EventRules()).read(records, now_ms=1_490_000_000_000).rows
    found = np.empty(1, np.int64)
    address = int(records.values[0])
    rows_of_customer(rows, address, 1, 0, 1, found)
    values_naming(records.values, records.value_lengths, address, 1, found)
    keys_between(records.values, records.value_lengths, address, 1, address, 1, found)
