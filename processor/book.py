"""The book of one input partition: its absolute subtotals and how far they count, between memory and State.

The unit of State is the record of `billing.subtotals`: same key, same bytes. What a fold adds stays pending in
memory until a commit; then each changed subtotal is read once (from memory, or from State when it is not there yet),
written once to State and handed out once to be produced.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from billing.event import Reason
from billing.subtotal import (
    CustomerMonthKey,
    HourKey,
    Progress,
    ProgressKey,
    SumsEncoder,
    decode_progress,
    decode_sums,
    encode_key,
    encode_progress,
)
from billing.sums import NO_SUMS, Sums, TypeTable, event_count, plus, total_micros
from processor.fold import Fold

# What sums are kept for: a month and customer, or the start of an hour in milliseconds.
Period = tuple[str, str] | int

# One encoded key and the absolute sums that stand under it.
Entry = tuple[bytes, Sums]


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
        hot_entries: how many subtotals may stay in memory between commits; past that all are read again from State.
    """

    def __init__(self, partition: int, progress: Progress, types: TypeTable, hot_entries: int) -> None:
        self.partition = partition
        self.progress = progress
        self._types = types
        self._encoder = SumsEncoder(types)
        self._hot_entries = hot_entries
        self._hot: dict[Period, Entry] = {}
        self._pending: dict[Period, Sums] = {}
        self._record_times_ms: list[int] = []

    @property
    def is_dirty(self) -> bool:
        """Whether records were added since the last :meth:`write`."""
        return bool(self._record_times_ms)

    @property
    def hot_entries(self) -> int:
        """How many subtotals are in memory."""
        return len(self._hot)

    def add(self, fold: Fold, next_offset: int, oldest_record_ms: int, newest_record_ms: int) -> None:
        """Take in what a fold adds; it counts from the next :meth:`write` on.

        Args:
            fold: the sums of the records.
            next_offset: the offset after the last of them.
            oldest_record_ms: record time of the first of them, in milliseconds.
            newest_record_ms: record time of the last of them, in milliseconds.
        """
        self._add_pending(fold.customers)
        self._add_pending(fold.hours)
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
        for period, added in self._pending.items():
            yield self._write_sums(store, period, added)
        yield self._write_progress(store, instance, now_ms)
        self._pending = {}
        self._record_times_ms = []
        if len(self._hot) > self._hot_entries:
            self._hot.clear()

    def _add_pending(self, added: Mapping[Any, Sums]) -> None:
        pending = self._pending
        for period, sums in added.items():
            present = pending.get(period)
            pending[period] = sums if present is None else plus(present, sums)

    def _write_sums(self, store: Store, period: Period, added: Sums) -> tuple[bytes, bytes]:
        entry = self._hot.get(period)
        if entry is None:
            key = self._encode_key(period)
            entry = key, self._read_sums(store, key)
        key, before = entry
        sums = plus(before, added)
        self._hot[period] = key, sums
        value = self._encoder.encode(sums)
        store.set(key, value)
        return key, value

    def _read_sums(self, store: Store, key: bytes) -> Sums:
        data = store.get(key)
        return NO_SUMS if data is None else self._types.pack(decode_sums(data))

    def _encode_key(self, period: Period) -> bytes:
        if isinstance(period, int):
            return encode_key(HourKey(self.partition, period))
        return encode_key(CustomerMonthKey(self.partition, *period))

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


def _count_reasons(counts: Mapping[str, int], reasons: list[Reason]) -> Mapping[str, int]:
    if not reasons:
        return counts
    total = dict(counts)
    for reason in reasons:
        total[reason.value] = total.get(reason.value, 0) + 1
    return total
