"""Decides of each record with an id whether it counts, and what voids and replacements take back: docs/once.md.

Records are decided in their order. The plain ones a kernel decides; those that take something back are decided here,
by the same table.
"""

import ctypes
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from billing.event import BillableEvent, Reason, Void
from billing.period import format_timestamp
from billing.runtime.native.block import Integers, joined
from billing.sums import TypeTable
from processor.id_chunks import KnownIds, decode_known, encode_known, known_key
from processor.id_table import IdLimits, IdTable
from processor.kernel.ids import (
    CONFLICT,
    DAY_MS,
    DONE,
    DUPLICATE,
    ENTRY_MICROS,
    ENTRY_MS,
    ENTRY_OFFSET,
    ENTRY_SLOT,
    ENTRY_STATE,
    ENTRY_TARGET,
    IS_REPLACEMENT,
    IS_SPECIAL,
    IS_VOID,
    NEXT_ROW,
    NEXT_SPECIAL,
    TOO_OLD,
    VERDICTS,
    VOIDED,
    WANTED,
    WANTS_CHUNK,
    WATERMARK,
    decide,
    hash_ids,
    hash_texts,
)
from processor.kernel.rows import ID, ID_LENGTH, MS, NO_EVENT, ROW_NUMBERS, SLOT
from processor.reading import Reading, Rejection, fill_rows
from processor.store import Store


@dataclass(frozen=True)
class OnceRules:
    """How ids are kept.

    Args:
        window_days: the days of event time, behind the highest, in which an id counts once; 0 keeps no ids.
        keep_duplicates: whether duplicates are handed on with the rejected records.
        limits: how much memory those of one input partition may take.
    """

    window_days: int = 0
    keep_duplicates: bool = False
    limits: IdLimits = field(default_factory=IdLimits)

    @property
    def window_ms(self) -> int:
        """The window in milliseconds of event time."""
        return self.window_days * DAY_MS


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that is taken back: what it added, to whom, when (ms), and to which type's slot."""

    customer: str
    timestamp_ms: int
    amount_micros: int
    slot: int


def rows_of(taken: Sequence[Taken], seed: int) -> tuple[NDArray[np.int64], object]:
    """Return events as rows, like those of a reading with the same seed, and what must be kept as long as they are."""
    rows = np.zeros((len(taken), ROW_NUMBERS), np.int64)
    times_ms, micros = [event.timestamp_ms for event in taken], [event.amount_micros for event in taken]
    slots, names = [event.slot for event in taken], [event.customer for event in taken]
    return rows, fill_rows(rows, np.arange(len(taken)), times_ms, micros, slots, names, seed)


@dataclass
class Decisions:
    """What becomes of records beyond the events that they hold.

    Args:
        rejections: records that cannot be billed because of those before them; duplicates only if they are kept.
        duplicates: how many records repeated others.
        voids: how many records took an event back.
        replaces: how many events took the place of others.
        taken: the events taken back.
    """

    rejections: list[Rejection] = field(default_factory=list)
    duplicates: int = 0
    voids: int = 0
    replaces: int = 0
    taken: list[Taken] = field(default_factory=list)

    def repeat(self, records: int) -> None:
        """Note so many duplicates."""
        self.duplicates += records

    def take_back(self, taken: Taken, by_void: bool) -> None:
        """Note that a void or a replacement takes an event back."""
        self.taken.append(taken)
        self.voids += by_void
        self.replaces += not by_void


_NOTHING = Decisions()
_Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Special:
    """A record that takes something back: what it says, the hash of its own id if it has one, and of its target's."""

    event: BillableEvent | Void
    own: _Pair | None
    target: _Pair


class Once:
    """The ids of one input partition.

    Args:
        partition: the input partition.
        store: its State, to read from for as long as the partition is owned.
        rules: how ids are kept.
        types: the slots of the event types.
    """

    def __init__(self, partition: int, store: Store, rules: OnceRules, types: TypeTable) -> None:
        self._key = known_key(partition)
        self._rules = rules
        self._types = types
        data = store.get(self._key)
        known = KnownIds((secrets.randbits(62), secrets.randbits(62)), ()) if data is None else decode_known(data)
        self._seeds, self._names = known.seeds, _all_types(known.types, types)
        to_slots = np.array([types.slot(name) for name in self._names], np.int64)
        in_order = np.array_equal(to_slots, np.arange(len(to_slots)))
        self._table = IdTable(partition, store.get_committed, rules.limits, None if in_order else to_slots)
        self._table.restore(dict(known.days))
        self._seed_array = np.array(self._seeds, np.int64)
        self._hashes = np.empty((0, 2), np.int64)
        self._verdicts = np.empty((0, 3), np.int64)
        self._changed = False

    def __len__(self) -> int:
        return len(self._table)

    @property
    def memory_bytes(self) -> int:
        """How much memory the ids take."""
        return self._table.memory_bytes

    @property
    def disk_bytes(self) -> int:
        """How much of the table that finds them has sunk to disk."""
        return self._table.disk_bytes

    def decide(self, reading: Reading, offsets: Integers, watermark_ms: int) -> Decisions:
        """Decide records in their order; a row of `reading` that is not counted loses its event.

        Args:
            reading: what the records say.
            offsets: their offsets.
            watermark_ms: the highest event time of the partition before them; -1 without any.
        """
        if not self._rules.window_days:
            return self._without_ids(reading)
        count = len(reading.rows)
        if count > len(self._hashes):
            self._hashes, self._verdicts = np.empty((count, 2), np.int64), np.empty((count, 3), np.int64)
        hashes = self._hashes[:count]
        found = hash_ids(reading.rows, self._seed_array, hashes)
        if not found and not reading.special:
            return _NOTHING
        self._changed = True
        self._table.make_room(found + len(reading.special))
        return self._decide(reading, offsets, hashes, watermark_ms)

    def full(self) -> tuple[list[bytes], list[bytes]]:
        """Return keys and values of what :meth:`write` will hardly write otherwise, each once: chunks that are full."""
        return self._table.full()

    def write(self, store: Store, watermark_ms: int) -> None:
        """Write what changed, and forget the days that have left the window.

        Args:
            store: the partition's State.
            watermark_ms: the highest event time of the partition.
        """
        forgotten = self._table.drop(watermark_ms - self._rules.window_ms) if self._rules.window_days else []
        if not self._changed and not forgotten:
            return
        store.delete_all(forgotten)
        changes = list(self._table.changes())
        store.set_all([key for key, _ in changes], [value for _, value in changes])
        known = KnownIds(self._seeds, tuple(self._names), self._table.days)
        store.set_all([self._key], [encode_known(known)])
        self._table.written()
        self._changed = False

    def _decide(self, reading: Reading, offsets: Integers, hashes: NDArray[np.int64], watermark_ms: int) -> Decisions:
        decisions, special = Decisions(), self._hashed(reading.special)
        positions = np.array([*sorted(special), -1], np.int64)
        progress = np.array([0, watermark_ms, 0, 0, 0], np.int64)
        rules, sought = self._rules, -1
        while True:
            why = decide(
                reading.rows, offsets, hashes, positions, rules.window_ms, self._table.arrays, progress, self._verdicts
            )
            if why == DONE:
                break
            index = int(progress[NEXT_ROW])
            if index != sought:
                self._table.release()
                sought = index
            if why == IS_SPECIAL:
                self._take_back(reading, index, special[index], int(offsets[index]), progress, decisions)
                progress[NEXT_ROW] += 1
                progress[NEXT_SPECIAL] += 1
            elif why == WANTS_CHUNK:
                self._table.bring(int(progress[WANTED]))
            else:
                self._table.open_chunk(int(progress[WANTED]))
        if progress[VERDICTS]:
            self._note(reading, self._verdicts[: int(progress[VERDICTS])], decisions)
        decisions.rejections.sort(key=lambda rejection: rejection.position)
        return decisions

    def _note(self, reading: Reading, verdicts: NDArray[np.int64], decisions: Decisions) -> None:
        """Take in what the kernel decided."""
        decisions.repeat(int(np.count_nonzero(verdicts[:, 1] == DUPLICATE)))
        if not self._rules.keep_duplicates:
            verdicts = verdicts[verdicts[:, 1] != DUPLICATE]
        for index, verdict, first_offset in verdicts.tolist():
            row = reading.rows[index]
            id_ = ctypes.string_at(int(row[ID]), int(row[ID_LENGTH])).decode()
            decisions.rejections.append(self._rejection(index, verdict, id_, first_offset, int(row[MS])))

    def _rejection(self, index: int, verdict: int, id_: str, first_offset: int, timestamp_ms: int) -> Rejection:
        shown = f"id {id_[:40]!r}"
        if verdict == DUPLICATE:
            return Rejection(index, Reason.DUPLICATE, f"{shown} was counted at offset {first_offset}")
        if verdict == CONFLICT:
            detail = f"{shown} was counted with other content at offset {first_offset}"
            return Rejection(index, Reason.ID_CONFLICT, detail)
        detail = (
            f"{shown} is not known, and its event time {format_timestamp(timestamp_ms)} lies more than "
            f"dedup_window_days, {self._rules.window_days}, behind the highest"
        )
        return Rejection(index, Reason.TOO_OLD, detail)

    def _take_back(
        self,
        reading: Reading,
        index: int,
        special: _Special,
        offset: int,
        progress: NDArray[np.int64],
        decisions: Decisions,
    ) -> None:
        """Decide a void or a replacement; its row loses its event unless it counts."""
        event, watermark_ms = special.event, int(progress[WATERMARK])
        slot, reading.rows[index, SLOT] = int(reading.rows[index, SLOT]), NO_EVENT
        own = self._own_verdict(special, slot, watermark_ms)
        if own is not None:
            verdict, first_offset = own
            decisions.repeat(int(verdict == DUPLICATE))
            if verdict != DUPLICATE or self._rules.keep_duplicates:
                time_ms = event.timestamp_ms if isinstance(event, BillableEvent) else 0
                decisions.rejections.append(self._rejection(index, verdict, event.id, first_offset, time_ms))
            return
        found = self._table.find(*special.target, watermark_ms - self._rules.window_ms)
        target = event.target if isinstance(event, Void) else event.replaces
        if found is None or found[1][ENTRY_STATE] & IS_VOID:
            decisions.rejections.append(Rejection(index, Reason.UNKNOWN_ID, _unknown(target)))
            return
        chunk, entry = found
        if entry[ENTRY_STATE] & VOIDED:
            detail = f"the event {target[:40]!r} was taken back before"
            decisions.rejections.append(Rejection(index, Reason.ALREADY_VOIDED, detail))
            return
        self._table.void(chunk, entry)
        time_ms, micros, taken_slot = (int(entry[place]) for place in (ENTRY_MS, ENTRY_MICROS, ENTRY_SLOT))
        decisions.take_back(Taken(event.customer, time_ms, micros, taken_slot), isinstance(event, Void))
        if isinstance(event, Void):
            content = time_ms, 0, 0, offset, IS_VOID
        else:
            reading.rows[index, SLOT] = slot
            progress[WATERMARK] = max(watermark_ms, event.timestamp_ms)
            content = event.timestamp_ms, event.amount_micros, slot, offset, IS_REPLACEMENT
        if special.own is not None:
            self._table.add(content[0] - content[0] % DAY_MS, (*special.own, *content, special.target[0]))

    def _own_verdict(self, special: _Special, slot: int, watermark_ms: int) -> tuple[int, int] | None:
        """Return the verdict on a record by its own id, and the offset of the first; None if it may count."""
        if special.own is None:
            return None
        event, floor_ms = special.event, watermark_ms - self._rules.window_ms
        found = self._table.find(*special.own, floor_ms)
        if found is None:
            too_old = isinstance(event, BillableEvent) and event.timestamp_ms < floor_ms
            return (TOO_OLD, -1) if too_old else None
        entry = found[1].tolist()
        same = entry[ENTRY_TARGET] == special.target[0]
        if isinstance(event, Void):
            same = same and bool(entry[ENTRY_STATE] & IS_VOID)
        else:
            content = entry[ENTRY_MS], entry[ENTRY_MICROS], entry[ENTRY_SLOT]
            same = same and bool(entry[ENTRY_STATE] & IS_REPLACEMENT)
            same = same and content == (event.timestamp_ms, event.amount_micros, slot)
        return (DUPLICATE if same else CONFLICT), entry[ENTRY_OFFSET]

    def _hashed(self, special: Mapping[int, BillableEvent | Void]) -> dict[int, _Special]:
        """Return the records that take something back, with their hashes."""
        events = list(special.values())
        if not events:
            return {}
        targets = [event.target if isinstance(event, Void) else event.replaces for event in events]
        names, name_places, name_lengths = joined([event.customer.encode() for event in events] * 2)
        ids, id_places, id_lengths = joined([text.encode() for text in (*(event.id for event in events), *targets)])
        hashes = np.empty((2 * len(events), 2), np.int64)
        hash_texts(name_places, name_lengths, id_places, id_lengths, self._seed_array, hashes)
        del names, ids  # they had to last until here
        pairs: list[_Pair] = [(first, second) for first, second in hashes.tolist()]
        own = [pair if event.id else None for event, pair in zip(events, pairs, strict=False)]
        return {
            index: _Special(event, mine, target)
            for index, event, mine, target in zip(special, events, own, pairs[len(events) :], strict=True)
        }

    def _without_ids(self, reading: Reading) -> Decisions:
        decisions = Decisions()
        for index, event in sorted(reading.special.items()):
            reading.rows[index, SLOT] = NO_EVENT
            target = event.target if isinstance(event, Void) else event.replaces
            decisions.rejections.append(Rejection(index, Reason.UNKNOWN_ID, _unknown(target)))
        return decisions


def _all_types(known: tuple[str, ...], types: TypeTable) -> list[str]:
    """Return the types as chunks count them: those that are known there, and then the others."""
    types.pack(dict.fromkeys(known, (0, 0)))
    return [*known, *(name for name in types.names if name not in known)]


def _unknown(target: str) -> str:
    return f"no event {target[:40]!r} of this customer is known in this partition within dedup_window_days"
