"""The book of one input partition: its absolute subtotals and how far they count, between memory and State.

The unit of State is the record of `billing.subtotals`: same key, same bytes. What is counted stays pending in memory
until a commit; then each changed subtotal is written once to State and handed out once to be produced. One that is new
in memory is read from State first, unless memory holds all that State does.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from billing.event import Reason
from billing.runtime.native.block import Integers
from billing.subtotal import (
    BLOCK_MS,
    HourBlockKey,
    Progress,
    ProgressKey,
    decode_hours,
    decode_progress,
    decode_sums,
    encode_key,
    encode_progress,
)
from billing.sums import NO_SUMS, Sums, TypeTable, event_count, total_micros
from processor.changes import Changes, ChangesEncoder
from processor.fold import Fold, FoldRules
from processor.kernel.table import KEY_MONTH
from processor.once import Once, Taken, rows_of
from processor.reading import Reading, Rejection
from processor.store import Store
from processor.sums_table import SumsTable


def read_progress(store: Store, partition: int) -> Progress | None:
    """Return how far the State of a partition counts, or None if it is empty."""
    data = store.get(encode_key(ProgressKey(partition)))
    return None if data is None else decode_progress(data)


class PartitionBook:
    """Subtotals and progress of one input partition.

    Args:
        partition: the input partition.
        progress: how far its State counts; None if State is empty.
        rules: what a fold keeps to.
        types: what sums are packed with.
        once: the ids that were counted.
    """

    def __init__(
        self, partition: int, progress: Progress | None, rules: FoldRules, types: TypeTable, once: Once
    ) -> None:
        self.partition = partition
        self.progress = progress or Progress(time_zone=rules.calendar.zone.key)
        self._types = types
        self._rules = rules
        self._once = once
        self._table = SumsTable(rules)
        self._encoder = ChangesEncoder(partition, rules.calendar, types)
        # How many rows, and which blocks of hours, hold what State holds.
        self._known_rows = 0
        self._known_blocks: set[int] = set()
        self._holds_all = progress is None
        self._was_written = progress is not None
        self._record_times_ms: list[int] = []

    @property
    def is_dirty(self) -> bool:
        """Whether records were counted since the last :meth:`write`."""
        return bool(self._record_times_ms)

    @property
    def hot_entries(self) -> int:
        """How many subtotals are in memory."""
        return len(self._table)

    @property
    def ids(self) -> int:
        """How many ids are known."""
        return len(self._once)

    @property
    def ids_memory_bytes(self) -> int:
        """How much memory they take."""
        return self._once.memory_bytes

    @property
    def ids_disk_bytes(self) -> int:
        """How much of what finds them lies on disk."""
        return self._once.disk_bytes

    def count(self, reading: Reading, offsets: Integers, oldest_record_ms: int, newest_record_ms: int) -> Fold:
        """Count what records say; it is written with the next :meth:`write`.

        Args:
            reading: the records, all of them read by one reader: names are found by its hashes.
            offsets: their offsets, ascending.
            oldest_record_ms: record time of the first of them, in milliseconds.
            newest_record_ms: record time of the last of them, in milliseconds.
        """
        progress = self.progress
        decided = self._once.decide(reading, offsets, progress.watermark_ms)
        added = self._table.add(reading.rows, progress.watermark_ms)
        taken = self._take_back(reading, decided.taken)
        rejections = reading.rejections + decided.rejections
        rejections.sort(key=lambda rejection: rejection.position)
        rejected = _count_reasons(rejections) if rejections else Counter[str]()
        self._record_times_ms += [oldest_record_ms, newest_record_ms]
        self.progress = replace(
            progress,
            next_offset=int(offsets[-1]) + 1,
            watermark_ms=added.watermark_ms,
            accepted=progress.accepted + event_count(added.accepted) + decided.voids,
            accepted_micros=progress.accepted_micros + total_micros(added.accepted) + total_micros(taken),
            voids=progress.voids + decided.voids,
            replaces=progress.replaces + decided.replaces,
            duplicates=progress.duplicates + decided.duplicates,
            late=progress.late + added.late,
            rejected=dict(Counter(progress.rejected) + rejected) if rejected else progress.rejected,
        )
        return Fold(
            watermark_ms=added.watermark_ms,
            accepted=added.accepted,
            taken=taken,
            late=added.late,
            rejections=rejections,
            rejected=rejected,
            duplicates=decided.duplicates,
            voids=decided.voids,
            replaces=decided.replaces,
            exact=reading.exact,
        )

    def full(self) -> tuple[list[bytes], list[bytes]]:
        """Return keys and values that :meth:`write` will write to State, and hardly others, each once.

        There are none before the first :meth:`write` of a partition: see docs/decisions/torn-transactions.md, 5.
        """
        return self._once.full() if self._was_written else ([], [])

    def write(self, store: Store, instance: str, now_ms: int) -> Iterator[Changes]:
        """Write what is pending to State and yield the changed records, keys and values, the progress record last.

        Args:
            store: the partition's State.
            instance: the processor instance that commits.
            now_ms: the wall clock.
        """
        self._learn_customers(store)
        self._learn_hours(store)
        # Before the progress record, whose presence tells that all of a commit is there.
        self._once.write(store, self.progress.watermark_ms)
        for changes in self._changes(instance, now_ms):
            store.set_all(*changes)
            yield changes
        self._table.customers.written()
        self._table.hours.written()
        self._record_times_ms = []
        self._was_written = True

    def forget(self) -> None:
        """Hold nothing in memory: all was written, and is read again from State. Do so between two commits alone."""
        self._table = SumsTable(self._rules)
        self._known_rows = 0
        self._known_blocks.clear()
        self._holds_all = False

    def _take_back(self, reading: Reading, taken: Sequence[Taken]) -> Sums:
        """Take events out of the sums; return what they add to them, which is less than nothing."""
        if not taken:
            return NO_SUMS
        self._learn_types()
        rows, names = rows_of(taken, reading.seed)
        changed = self._table.take_back(rows)
        del names  # it had to last until here
        return changed

    def _changes(self, instance: str, now_ms: int) -> Iterator[Changes]:
        yield from self._encoder.customers(self._table.customers)
        yield self._encoder.hours(self._table.hours)
        self.progress = replace(
            self.progress,
            oldest_record_ms=min(self._record_times_ms, default=-1),
            newest_record_ms=max(self._record_times_ms, default=-1),
            committed_ms=now_ms,
            instance=instance,
        )
        yield [encode_key(ProgressKey(self.partition))], [encode_progress(self.progress)]

    def _learn_customers(self, store: Store) -> None:
        """Add what State holds of customers and months that are new in memory."""
        customers = self._table.customers
        new, self._known_rows = range(self._known_rows, len(customers)), len(customers)
        if self._holds_all or not new:
            return
        keys = self._encoder.customer_keys(customers, new)
        for row, data in zip(new, store.get_committed(keys), strict=True):
            if data is not None:
                sums = self._types.pack(decode_sums(data))
                self._learn_types()
                customers.add(row, sums)

    def _learn_hours(self, store: Store) -> None:
        """Add what State holds of blocks of hours that are new in memory."""
        hours = self._table.hours
        starts = hours.arrays.keys[hours.dirty, KEY_MONTH]
        new = set((starts - starts % BLOCK_MS).tolist()) - self._known_blocks
        self._known_blocks |= new
        if self._holds_all:
            return
        blocks = [HourBlockKey(self.partition, block_start_ms) for block_start_ms in sorted(new)]
        for block, data in zip(blocks, store.get_committed([encode_key(block) for block in blocks]), strict=True):
            for second, types in ({} if data is None else decode_hours(data)).items():
                sums = self._types.pack(types)
                self._learn_types()
                hours.add(self._table.hour_row(block.hour(second).hour_start_ms), sums)

    def _learn_types(self) -> None:
        """Have room for types that State holds and no setting names."""
        self._table.customers.make_room_for_types(len(self._types.names))
        self._table.hours.make_room_for_types(len(self._types.names))
        self._encoder.learn_types()


def _count_reasons(rejections: Sequence[Rejection]) -> Counter[str]:
    """Return how many records are rejected for each reason; a duplicate that is kept is no mistake."""
    counts = Counter(str(rejection.reason) for rejection in rejections)
    del counts[Reason.DUPLICATE.value]
    return counts
