"""Reads records: the plain ones by a kernel, where they lie; each other by the rules themselves, one by one.

The kernel takes only what it reads exactly as :func:`billing.event.decode_record` would. It never rejects a record, but
of a line it tells which fields are right: if the first one behind them is a mistake, the rules need not read the rest.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from billing.event import BillableEvent, EventRejectedError, EventRules, Reason, Void, decode_record, mistake_behind
from billing.runtime.native.block import Integers, joined
from processor.kernel.parse import hash_names, parse_records
from processor.kernel.rows import (
    FIELDS_READ,
    ID,
    ID_LENGTH,
    MICROS,
    MS,
    NAME,
    NAME_LENGTH,
    REST,
    ROW_NUMBERS,
    SLOT,
    type_rows,
)

# Mistakes that are kept in mind: so many, in ends of lines of so many bytes.
_MISTAKES, _MISTAKE_BYTES = 1_024, 64


class Records(Protocol):
    """Records of one input partition: see :class:`billing.runtime.native.block.PartitionRecords`."""

    values: Integers
    value_lengths: Integers

    def values_at(self, indices: Integers) -> Iterable[bytes | None]:
        """Return the values of some records, copied."""
        ...

    def __len__(self) -> int: ...


class Rejection(NamedTuple):
    """A record that cannot be billed: its position among those read, and why."""

    position: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What records say.

    Args:
        rows: a row for each record, as :mod:`processor.kernel.parse` describes them. They hold addresses: use them
            before the records are released and before the reader reads again.
        rejections: the records that cannot be billed, in offset order.
        exact: how many records were read one by one.
        special: by position, the records that take an event back. The row of a void holds no event.
        seed: of the hashes of the names.
    """

    rows: NDArray[np.int64]
    rejections: list[Rejection]
    exact: int
    special: Mapping[int, BillableEvent | Void]
    seed: int


class EventReader:
    """Reads the records of any partition into rows; it keeps them until it reads again.

    Args:
        rules: what an event must keep to.
    """

    def __init__(self, rules: EventRules) -> None:
        self._rules = rules
        self._slots = {name: slot for slot, name in enumerate(rules.types)}
        self._types = type_rows(rules)
        # Who knows it could make names that collide, and so slow the sums down.
        self._seed = secrets.randbits(62)
        self._rows = np.empty((0, ROW_NUMBERS), np.int64)
        self._rest = np.empty(0, np.int64)
        # The same mistake comes again and again: a producer that does not know better makes it with each record.
        self._mistake = lru_cache(_MISTAKES)(partial(mistake_behind, rules=rules))
        self._names: object = b""
        self._ids: object = b""

    def read(self, records: Records, now_ms: int) -> Reading:
        """Read records.

        Args:
            records: what to read.
            now_ms: the time against which future event times are measured.
        """
        count = len(records)
        if count > len(self._rows):
            self._rows, self._rest = np.empty((count, ROW_NUMBERS), np.int64), np.empty(count, np.int64)
        rows = self._rows[:count]
        rules = self._rules
        limits = (rules.max_event_bytes, rules.min_event_ms, now_ms + rules.max_future_ms)
        left = parse_records(records.values, records.value_lengths, self._types, limits, self._seed, rows, self._rest)
        rejections, special = self._read_exactly(records, self._rest[:left], rows, now_ms) if left else ([], {})
        return Reading(rows, rejections, left, special, self._seed)

    def _read_exactly(
        self, records: Records, positions: Integers, rows: NDArray[np.int64], now_ms: int
    ) -> tuple[list[Rejection], dict[int, BillableEvent | Void]]:
        """Read records one by one: events into their rows. Return what cannot be billed, and what takes back."""
        accepted: list[int] = []
        events: list[BillableEvent] = []
        rejections: list[Rejection] = []
        special: dict[int, BillableEvent | Void] = {}
        left = rows[positions]
        columns = positions, left[:, FIELDS_READ], left[:, REST] - records.values[positions]
        values = records.values_at(positions)
        for index, fields, start, value in zip(*(column.tolist() for column in columns), values, strict=True):
            if fields and value is not None and len(value) - start <= _MISTAKE_BYTES:
                mistake = self._mistake(fields, value[start:])
                if mistake is not None:
                    rejections.append(Rejection(index, *mistake))
                    continue
            try:
                event = decode_record(value, self._rules, now_ms)
            except EventRejectedError as error:
                rejections.append(Rejection(index, error.reason, error.detail))
                continue
            if isinstance(event, Void) or event.replaces:
                special[index] = event
            if isinstance(event, BillableEvent):
                accepted.append(index)
                events.append(event)
        if events:
            self._enter(np.array(accepted, np.int64), events, rows)
        return rejections, special

    def _enter(self, positions: Integers, events: list[BillableEvent], rows: NDArray[np.int64]) -> None:
        """Write events into rows."""
        self._ids, id_addresses, id_lengths = joined([event.id.encode() for event in events])
        rows[positions, ID] = id_addresses
        rows[positions, ID_LENGTH] = id_lengths
        times_ms, micros = [event.timestamp_ms for event in events], [event.amount_micros for event in events]
        slots, names = [self._slots[event.type] for event in events], [event.customer for event in events]
        self._names = fill_rows(rows, positions, times_ms, micros, slots, names, self._seed)


def fill_rows(
    rows: NDArray[np.int64],
    positions: Integers,
    times_ms: Sequence[int],
    micros: Sequence[int],
    slots: Sequence[int],
    names: Sequence[str],
    seed: int,
) -> object:
    """Fill in rows at some positions with events without ids; return what must be kept for as long as they are used.

    Args:
        rows: what :mod:`processor.kernel.rows` describes.
        positions: one for each event.
        times_ms: the event times in milliseconds.
        micros: the amounts.
        slots: of the types.
        names: of the customers.
        seed: of the hashes of the names.
    """
    kept, addresses, lengths = joined([name.encode() for name in names])
    rows[positions, MS], rows[positions, MICROS], rows[positions, SLOT] = times_ms, micros, slots
    rows[positions, NAME], rows[positions, NAME_LENGTH] = addresses, lengths
    hash_names(rows, positions, seed)
    return kept
