"""Recounts the input as the processor counts it, with its kernels: what is an event, what counts once, what it adds."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.block import PartitionRecords
from billing.sums import TypeTable
from processor.fold import FoldRules
from processor.kernel.rows import MS, NO_EVENT, SLOT
from processor.once import Once
from processor.reading import EventReader, Reading
from processor.store import Store
from qb.replay.adjustment import Adjustment, AdjustmentFinder
from qb.replay.difference import Recounted
from qb.replay.issued import Issued
from qb.replay.months import Concerned
from qb.replay.rejected import RejectedPlaces
from qb.replay.stretch import Stretch

# After so many records of a partition the ids that were found new go from memory to the scratch folder.
RECORDS_BETWEEN_WRITES = 250_000


class _Ids:
    """The ids of one input partition, and how far it has come."""

    def __init__(self, partition: int, store: Store, rules: FoldRules) -> None:
        self.once = Once(partition, store, rules.once, TypeTable(rules.events.types))
        self.watermark_ms = -1
        self._store = store
        self._records = 0

    def note(self, rows: NDArray[np.int64]) -> None:
        """Take in the rows that were decided: what still holds an event counts."""
        times_ms = rows[rows[:, SLOT] != NO_EVENT, MS]
        if len(times_ms):
            self.watermark_ms = max(self.watermark_ms, int(times_ms.max()))
        self._records += len(rows)
        if self._records >= RECORDS_BETWEEN_WRITES:
            self._records = 0
            self.once.write(self._store, self.watermark_ms)


class Recount:
    """Adds up what a replay concerns. All records of an input partition come in their order.

    Args:
        rules: what the replay keeps to.
        concerned: what is replayed.
        ends: input partition -> offset up to which, exclusive, what is live counts.
        rejected: the records that stay rejected.
        store: where ids are kept.
        now_ms: the time against which future event times are measured.
    """

    def __init__(
        self,
        rules: FoldRules,
        concerned: Concerned,
        ends: Mapping[int, int],
        rejected: RejectedPlaces,
        store: Store,
        now_ms: int,
    ) -> None:
        self._rules, self._ends, self._rejected, self._store, self._now_ms = rules, ends, rejected, store, now_ms
        self._reader = EventReader(rules.events)
        self._finder = AdjustmentFinder()
        self._issued = Issued(concerned)
        self._ids: dict[int, _Ids] = {}
        before, after = concerned.edges
        self._month = Stretch(concerned.start_ms, concerned.end_ms, rules)
        self._moved = tuple(Stretch(edge.start_ms, edge.end_ms, rules) for edge in (before, after))

    def count(self, records: PartitionRecords) -> None:
        """Take in records of one input partition. Beyond the end of what is live only adjustments are looked for."""
        live = int(np.searchsorted(records.offsets, self._ends.get(records.partition, 0)))
        found = self._finder.find(records)
        if live:
            self._count_live(records, live, {index: one for index, one in found.items() if index < live})
        for index, one in found.items():
            if index >= live:
                self._issued.note(one, is_live=False)

    def note_unmoved(self, records: PartitionRecords) -> None:
        """Look for adjustments among input records that wait to be moved to where they are counted.

        Call it after all that was counted: what was moved meanwhile is known again, and counts as what it was then.
        """
        for one in self._finder.find(records).values():
            self._issued.note(one, is_live=False)

    def found(self) -> Recounted:
        """Return what was counted so far."""
        before, after = self._moved
        return Recounted(self._month.sums(), (before.sums(), after.sums()), self._issued)

    def _count_live(self, records: PartitionRecords, count: int, found: Mapping[int, Adjustment]) -> None:
        reading = self._read(records, count)
        rows, positions = reading.rows, list(found)
        were_events = rows[positions, SLOT] != NO_EVENT
        ids = self._ids_of(records.partition)
        decided = ids.once.decide(reading, records.offsets[:count], ids.watermark_ms)
        ids.note(rows)
        lost = were_events & (rows[positions, SLOT] == NO_EVENT)
        for one, is_lost in zip(found.values(), lost.tolist(), strict=True):
            self._issued.note(one, is_live=True, counts=not is_lost)
        # They are no usage, whatever the rules make of them.
        rows[positions, SLOT] = NO_EVENT
        for stretch in (self._month, *self._moved):
            stretch.add(rows, decided.taken, reading.seed)

    def _read(self, records: PartitionRecords, count: int) -> Reading:
        """Read the first records, without those that stay rejected."""
        reading = self._reader.read(records, self._now_ms)
        rows, special = reading.rows[:count], {i: one for i, one in reading.special.items() if i < count}
        for index in self._rejected.among(records.partition, records.offsets[:count]):
            rows[index, SLOT] = NO_EVENT
            special.pop(index, None)
        return Reading(rows, [], reading.exact, special, reading.seed)

    def _ids_of(self, partition: int) -> _Ids:
        ids = self._ids.get(partition)
        if ids is None:
            ids = self._ids[partition] = _Ids(partition, self._store, self._rules)
        return ids
