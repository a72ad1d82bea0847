"""The book of one input partition: its absolute subtotals and how far they count, between memory and State.

The unit of State is the record of `billing.subtotals`: same key, same bytes. What a fold adds stays pending in
memory until a commit; then each changed subtotal is read once (from memory, or from State when it is not there yet),
written once to State and handed out once to be produced.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

from billing.event import Reason
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    Progress,
    ProgressKey,
    SumsEncoder,
    decode_hours,
    decode_progress,
    decode_sums,
    encode_key,
    encode_progress,
    hour_block,
)
from billing.sums import NO_SUMS, Sums, TypeTable, event_count, plus, total_micros
from processor.fold import Fold

Key = TypeVar("Key")


class Store(Protocol):
    """The State of one input partition, in the transaction that is open."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        ...

    def set(self, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        ...


def read_progress(store: Store, partition: int) -> Progress | None:
    """Return how far the State of a partition counts, or None if it is empty."""
    data = store.get(encode_key(ProgressKey(partition)))
    return None if data is None else decode_progress(data)


class PartitionBook:
    """Subtotals and progress of one input partition.

    Args:
        partition: the input partition.
        progress: how far its State counts.
        types: what sums are packed with.
        hot_entries: how many records' sums may stay in memory between commits; past that all are read again from State.
    """

    def __init__(self, partition: int, progress: Progress, types: TypeTable, hot_entries: int) -> None:
        self.partition = partition
        self.progress = progress
        self._types = types
        self._encoder = SumsEncoder(types)
        self._hot_entries = hot_entries
        # Each with its encoded key: the sums of a (month, customer), and of the hours of a block by its start.
        self._hot: dict[tuple[str, str], tuple[bytes, Sums]] = {}
        self._hot_blocks: dict[int, tuple[bytes, dict[int, Sums]]] = {}
        self._pending: dict[tuple[str, str], Sums] = {}
        self._pending_hours: dict[int, Sums] = {}
        self._record_times_ms: list[int] = []

    @property
    def is_dirty(self) -> bool:
        """Whether records were added since the last :meth:`write`."""
        return bool(self._record_times_ms)

    @property
    def hot_entries(self) -> int:
        """How many subtotals are in memory."""
        return len(self._hot) + len(self._hot_blocks)

    def add(self, fold: Fold, next_offset: int, oldest_record_ms: int, newest_record_ms: int) -> None:
        """Take in what a fold adds; it counts from the next :meth:`write` on.

        Args:
            fold: the sums of the records.
            next_offset: the offset after the last of them.
            oldest_record_ms: record time of the first of them, in milliseconds.
            newest_record_ms: record time of the last of them, in milliseconds.
        """
        _add(self._pending, fold.customers)
        _add(self._pending_hours, fold.hours)
        self._record_times_ms += [oldest_record_ms, newest_record_ms]
        self.progress = replace(
            self.progress,
            next_offset=next_offset,
            watermark_ms=fold.watermark_ms,
            accepted=self.progress.accepted + event_count(fold.accepted),
            accepted_micros=self.progress.accepted_micros + total_micros(fold.accepted),
            late=self.progress.late + fold.late,
            rejected=_count_reasons(self.progress.rejected, fold.rejected),
        )

    def write(self, store: Store, instance: str, now_ms: int) -> Iterator[tuple[bytes, bytes]]:
        """Write what is pending to State and yield each changed record, key and value, the progress record last.

        Args:
            store: the partition's State.
            instance: the processor instance that commits.
            now_ms: the wall clock.
        """
        for customer_month, added in self._pending.items():
            yield self._write_sums(store, customer_month, added)
        for block_start_ms, hours in _by_block(self._pending_hours).items():
            yield self._write_hours(store, block_start_ms, hours)
        yield self._write_progress(store, instance, now_ms)
        self._pending = {}
        self._pending_hours = {}
        self._record_times_ms = []
        if self.hot_entries > self._hot_entries:
            self._hot.clear()
            self._hot_blocks.clear()

    def _write_sums(self, store: Store, customer_month: tuple[str, str], added: Sums) -> tuple[bytes, bytes]:
        entry = self._hot.get(customer_month)
        if entry is None:
            key = encode_key(CustomerMonthKey(self.partition, *customer_month))
            data = store.get(key)
            entry = key, NO_SUMS if data is None else self._types.pack(decode_sums(data))
        key, before = entry
        sums = plus(before, added)
        self._hot[customer_month] = key, sums
        value = self._encoder.encode_sums(sums)
        store.set(key, value)
        return key, value

    def _write_hours(self, store: Store, block_start_ms: int, added: dict[int, Sums]) -> tuple[bytes, bytes]:
        entry = self._hot_blocks.get(block_start_ms)
        if entry is None:
            key = encode_key(HourBlockKey(self.partition, block_start_ms))
            data = store.get(key)
            known = {} if data is None else decode_hours(data)
            entry = key, {second: self._types.pack(sums) for second, sums in known.items()}
            self._hot_blocks[block_start_ms] = entry
        key, hours = entry
        _add(hours, added)
        value = self._encoder.encode_hours(hours)
        store.set(key, value)
        return key, value

    def _write_progress(self, store: Store, instance: str, now_ms: int) -> tuple[bytes, bytes]:
        self.progress = replace(
            self.progress,
            oldest_record_ms=min(self._record_times_ms, default=-1),
            newest_record_ms=max(self._record_times_ms, default=-1),
            committed_ms=now_ms,
            instance=instance,
        )
        key, value = encode_key(ProgressKey(self.partition)), encode_progress(self.progress)
        store.set(key, value)
        return key, value


def _add(target: dict[Key, Sums], added: Mapping[Key, Sums]) -> None:
    for key, sums in added.items():
        present = target.get(key)
        target[key] = sums if present is None else plus(present, sums)


def _by_block(hours: Mapping[int, Sums]) -> dict[int, dict[int, Sums]]:
    """Return hours, known by their starts, as start of the block -> second of the hour's start -> sums."""
    blocks: dict[int, dict[int, Sums]] = {}
    for hour_start_ms, sums in hours.items():
        block_start_ms, second = hour_block(hour_start_ms)
        blocks.setdefault(block_start_ms, {})[second] = sums
    return blocks


def _count_reasons(counts: Mapping[str, int], reasons: list[Reason]) -> Mapping[str, int]:
    if not reasons:
        return counts
    total = dict(counts)
    for reason in reasons:
        total[reason.value] = total.get(reason.value, 0) + 1
    return total
