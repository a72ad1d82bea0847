"""The sums of the events of one stretch of time, per customer and type, by the processor's kernel."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from billing.sums import Sums, TypeTable, plus
from processor.fold import FoldRules
from processor.kernel.rows import MS, NO_EVENT, SLOT
from processor.once import Taken, rows_of
from processor.sums_table import SumsTable


class Stretch:
    """Adds the events from one instant up to another; of the others it takes no note.

    Args:
        start_ms: the first instant, in milliseconds.
        end_ms: the last one, exclusive. There may be none in between.
        rules: the event types.
    """

    def __init__(self, start_ms: int, end_ms: int, rules: FoldRules) -> None:
        self._start_ms, self._end_ms = start_ms, end_ms
        self._types = TypeTable(rules.events.types)
        self._table = SumsTable(rules)

    def add(self, rows: NDArray[np.int64], taken: Sequence[Taken], seed: int) -> None:
        """Add events, and take others back.

        Args:
            rows: what :class:`processor.reading.EventReader` read.
            taken: the events that are taken back; each was added before, or is among the rows.
            seed: of the hashes of the names.
        """
        times_ms = rows[:, MS]
        inside = (rows[:, SLOT] != NO_EVENT) & (times_ms >= self._start_ms) & (times_ms < self._end_ms)
        if inside.any():
            self._table.add(np.ascontiguousarray(rows[inside]), -1)
        gone = [one for one in taken if self._start_ms <= one.timestamp_ms < self._end_ms]
        if gone:
            taken_rows, names = rows_of(gone, seed)
            self._table.take_back(taken_rows)
            del names  # it had to last until here

    def sums(self) -> "StretchSums":
        """Return what was added so far."""
        packed: dict[str, Sums] = {}
        for (_, customer), sums in self._table.by_customer():
            before = packed.get(customer)
            packed[customer] = sums if before is None else plus(before, sums)
        return StretchSums(packed, self._types)


class StretchSums:
    """Sums per customer and type; see :class:`qb.replay.difference.CustomerSums`.

    Args:
        packed: by customer.
        types: what they are packed with.
    """

    def __init__(self, packed: Mapping[str, Sums], types: TypeTable) -> None:
        self._packed, self._types = packed, types

    def of(self, customer: str) -> dict[str, tuple[int, int]]:
        """Return type -> (micros, events) of a customer."""
        return self._types.unpack(self._packed.get(customer, ()))

    def customers(self) -> Iterator[str]:
        """Yield those who had any event."""
        return iter(self._packed)
