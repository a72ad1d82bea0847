"""The ids of one input partition in memory: the table that finds them, and those of their chunks that are at hand."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.pages import longer, zeros
from processor.id_chunks import chunk_key, chunk_keys, decode_chunk, encode_chunk
from processor.id_segments import Segments
from processor.kernel.ids import (
    CHANGED,
    CHUNK,
    CHUNK_COUNT,
    CHUNK_DAY,
    CHUNK_DIRTY,
    CHUNK_PLACE,
    DAY_MS,
    ENTRY_NUMBERS,
    ENTRY_SLOT,
    ENTRY_STATE,
    HASH_A,
    HASH_B,
    NO_DAY,
    PACKED,
    SLOT_BYTES,
    TAILS,
    USED,
    VOIDED,
    IdArrays,
    enter_chunk,
    enter_one,
    find_entry,
    spread,
    survey,
)

Fetch = Callable[[Sequence[bytes]], Sequence[bytes | None]]
"""Returns the values of keys as State has them committed."""

_CHUNK_BYTES = CHUNK * ENTRY_NUMBERS * 8
_FIRST_ENTRIES, _FIRST_CHUNKS, _FIRST_DAYS = 1_024, 16, 8
# The slots are at most so full, eight of ten; those of a new table, so that it lasts, six of ten. In a fuller one a new
# hash finds no empty slot near: with nine of ten it takes twice as long.
_FULL, _FULL_AT_FIRST, _OF = 8, 6, 10
_COLD = -2
_FETCHED_AT_ONCE = 256


@dataclass(frozen=True)
class IdLimits:
    """How much memory the ids of an input partition may take.

    Args:
        table_bytes: of the table that finds them; what does not fit sinks to disk.
        cache_bytes: of the contents that are at hand; those that changed are, whatever they take.
        folder: where the disk is; None: where temporary files are.
    """

    table_bytes: int = 268_435_456
    cache_bytes: int = 16_777_216
    folder: Path | None = None


class IdTable:
    """Finds the entries of ids, and keeps those that are new until they are written.

    Args:
        partition: the input partition.
        fetch: reads chunks that are written, for as long as the partition is owned.
        limits: how much memory it may take.
        to_slots: the slot of each type as chunks in State count them; None where they count them the same way.
    """

    def __init__(self, partition: int, fetch: Fetch, limits: IdLimits, to_slots: NDArray[np.int64] | None) -> None:
        self._partition = partition
        self._fetch = fetch
        self._places = max(1, limits.cache_bytes // _CHUNK_BYTES)
        # The largest power of two that fits.
        self._most_slots = max(_FIRST_ENTRIES, (1 << (limits.table_bytes // SLOT_BYTES).bit_length()) // 2)
        self._slots = _room_for(self._most_slots)
        self._segments = Segments(limits.folder)
        self._to_slots = to_slots
        self._from_slots = None if to_slots is None else np.argsort(to_slots)
        self.arrays = IdArrays(
            slots=self._slots[:_FIRST_ENTRIES],
            segments=self._segments.places,
            sieve=self._segments.sieve,
            chunks=np.zeros((_FIRST_CHUNKS, 4), np.int64),
            pool=np.zeros((CHUNK, ENTRY_NUMBERS), np.int64),
            tails=np.zeros((_FIRST_DAYS, 2), np.int64),
            counters=np.zeros(2, np.int64),
        )
        # By day, its chunks in order; by chunk, its number within the day; by place in the pool, the chunk there.
        self._days: dict[int, list[int]] = {}
        self._numbers: list[int] = []
        self._at_place: list[int | None] = [None]
        # By chunk that is full, what will be written of it: so it need not stay in the pool.
        self._packed: dict[int, bytes] = {}
        self._hand = 0

    def __len__(self) -> int:
        return int(self.arrays.chunks[: len(self._numbers), CHUNK_COUNT].sum())

    @property
    def memory_bytes(self) -> int:
        """How much memory all of it takes; what has sunk to disk takes none, but for its sieve."""
        return sum(array.nbytes for array in self.arrays)

    @property
    def disk_bytes(self) -> int:
        """How much has sunk to disk."""
        return self._segments.disk_bytes

    @property
    def days(self) -> dict[int, int]:
        """By day, how many entries there are."""
        chunks = self.arrays.chunks
        # All but the last of a day are full.
        return {
            day: CHUNK * (len(numbers) - 1) + int(chunks[numbers[-1], CHUNK_COUNT])
            for day, numbers in sorted(self._days.items())
        }

    def restore(self, days: dict[int, int]) -> None:
        """Learn what State holds, into an empty table.

        Args:
            days: by day, how many entries there are.

        Raises:
            RecordError: State does not hold them.
        """
        self.make_room(min(sum(days.values()), self._most_slots * _FULL_AT_FIRST // _OF))
        for day, entries in days.items():
            keys = chunk_keys(self._partition, day, entries)
            for start in range(0, len(keys), _FETCHED_AT_ONCE):
                for data in self._fetch(keys[start : start + _FETCHED_AT_ONCE]):
                    found = decode_chunk(data or b"")
                    self.make_room(len(found))
                    chunk = self._add_chunk(day)
                    self.arrays.chunks[chunk, CHUNK_COUNT] = len(found)
                    columns = np.ascontiguousarray(found[:, HASH_A]), np.ascontiguousarray(found[:, HASH_B])
                    enter_chunk(self.arrays, *columns, chunk)

    def make_room(self, entries: int) -> None:
        """Have room for so many entries more."""
        slots = self.arrays.slots
        if int(self.arrays.counters[USED]) + entries <= len(slots) * _FULL // _OF:
            return
        kept, newest_day_ms = map(int, survey(slots, self.arrays.chunks))
        length = len(slots)
        while kept + entries > length * _FULL_AT_FIRST // _OF:
            length *= 2
        if kept and length > self._most_slots:
            self._sink(kept, newest_day_ms)
            self.make_room(entries)
        else:
            self._widen(length)

    def _widen(self, length: int) -> None:
        """Let the table have so many slots, no fewer than it has."""
        former = self.arrays.slots
        if length > len(self._slots):
            self._slots = zeros(length, 2)
            self._slots[: len(former)] = former
        self.arrays = self.arrays._replace(slots=self._slots[:length])
        spread(self.arrays, len(former))

    def _sink(self, entries: int, newest_day_ms: int) -> None:
        """Let the whole table sink to disk, with so many entries up to a day."""
        self._segments.add(self.arrays.slots, entries, newest_day_ms, self.arrays.chunks)
        self.arrays.slots.fill(0)
        self.arrays.counters[USED] = 0
        self._learn_segments()

    def _learn_segments(self) -> None:
        self.arrays = self.arrays._replace(segments=self._segments.places, sieve=self._segments.sieve)

    def open_chunk(self, day_ms: int) -> None:
        """Let a new chunk take the entries of a day; the one before it, full now, is packed while it is near."""
        for chunk in self._days.get(day_ms // DAY_MS, [])[-1:]:
            if self.arrays.chunks[chunk, CHUNK_DIRTY] == CHANGED:
                self._packed[chunk] = self._encoded(chunk)
                self.arrays.chunks[chunk, CHUNK_DIRTY] = PACKED
        self._take_place(self._add_chunk(day_ms // DAY_MS))

    def bring(self, chunk: int) -> None:
        """Bring a chunk into memory."""
        data = self._packed.get(chunk)
        if data is None:
            (data,) = self._fetch([self._key(chunk)])
        entries = decode_chunk(data or b"")
        if self._to_slots is not None:
            entries[:, ENTRY_SLOT] = self._to_slots[entries[:, ENTRY_SLOT]]
        start = CHUNK * self._take_place(chunk)
        self.arrays.pool[start : start + len(entries)] = entries

    def find(self, first: int, second: int, forgotten_ms: int) -> tuple[int, NDArray[np.int64]] | None:
        """Return an entry and its chunk, None where there is none or the day ended at `forgotten_ms` or before.

        It is a view into memory, to be used before the table is called again.
        """
        row, chunk = find_entry(self.arrays, first, second, forgotten_ms)
        while row == _COLD:
            self.bring(chunk)
            row, chunk = find_entry(self.arrays, first, second, forgotten_ms)
        return None if row < 0 else (int(chunk), self.arrays.pool[row])

    def add(self, day_ms: int, entry: Sequence[int]) -> None:
        """Add an entry, whose hash must be new, to a day."""
        self.make_room(1)
        chunk = self._tail(day_ms)
        row = self.arrays.chunks[chunk]
        within = int(row[CHUNK_COUNT])
        self.arrays.pool[CHUNK * int(row[CHUNK_PLACE]) + within] = entry
        row[CHUNK_COUNT], row[CHUNK_DIRTY] = within + 1, CHANGED
        enter_one(self.arrays, entry[HASH_A], entry[HASH_B], chunk, within)

    def void(self, chunk: int, entry: NDArray[np.int64]) -> None:
        """Note of an entry that was found that it is taken back."""
        entry[ENTRY_STATE] |= VOIDED
        self.arrays.chunks[chunk, CHUNK_DIRTY] = CHANGED
        self._packed.pop(chunk, None)

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and value of each chunk that changed since :meth:`written`."""
        dirty: list[int] = np.flatnonzero(self.arrays.chunks[: len(self._numbers), CHUNK_DIRTY]).tolist()
        for chunk in dirty:
            yield self._key(chunk), self._packed.get(chunk) or self._encoded(chunk)

    def _key(self, chunk: int) -> bytes:
        day = int(self.arrays.chunks[chunk, CHUNK_DAY]) // DAY_MS
        return chunk_key(self._partition, day, self._numbers[chunk])

    def _encoded(self, chunk: int) -> bytes:
        """Return the value of a chunk that is in memory."""
        row = self.arrays.chunks[chunk]
        start = CHUNK * int(row[CHUNK_PLACE])
        entries = self.arrays.pool[start : start + int(row[CHUNK_COUNT])]
        if self._from_slots is not None:
            entries = entries.copy()
            entries[:, ENTRY_SLOT] = self._from_slots[entries[:, ENTRY_SLOT]]
        return encode_chunk(entries)

    def written(self) -> None:
        """Note that nothing has changed since now."""
        self.arrays.chunks[: len(self._numbers), CHUNK_DIRTY] = 0
        self._packed.clear()

    def drop(self, forgotten_ms: int) -> list[bytes]:
        """Forget the days that ended at an event time or before; return the keys of their chunks."""
        keys: list[bytes] = []
        for day in [day for day in self._days if (day + 1) * DAY_MS <= forgotten_ms]:
            keys += [chunk_key(self._partition, day, self._numbers[chunk]) for chunk in self._days[day]]
            self._drop_day(day)
        if self._segments.drop(forgotten_ms):
            self._learn_segments()
        return keys

    def _drop_day(self, day: int) -> None:
        for chunk in self._days.pop(day):
            self._packed.pop(chunk, None)
            row = self.arrays.chunks[chunk]
            if row[CHUNK_PLACE] >= 0:
                self._at_place[int(row[CHUNK_PLACE])] = None
            row[:] = NO_DAY, -1, 0, 0
        count = int(self.arrays.counters[TAILS])
        kept = self.arrays.tails[:count][self.arrays.tails[:count, 0] != day * DAY_MS]
        self.arrays.tails[: len(kept)] = kept
        self.arrays.counters[TAILS] = len(kept)

    def _tail(self, day_ms: int) -> int:
        """Return the chunk, in memory and with room, that takes the entries of a day."""
        chunks = self._days.get(day_ms // DAY_MS, [])
        if not chunks or self.arrays.chunks[chunks[-1], CHUNK_COUNT] == CHUNK:
            self.open_chunk(day_ms)
        elif self.arrays.chunks[chunks[-1], CHUNK_PLACE] < 0:
            self.bring(chunks[-1])
        return self._days[day_ms // DAY_MS][-1]

    def _add_chunk(self, day: int) -> int:
        """Add a chunk without entries, which takes those of the day from now on."""
        chunk = len(self._numbers)
        if chunk == len(self.arrays.chunks):
            self.arrays = self.arrays._replace(chunks=_doubled(self.arrays.chunks))
        chunks = self._days.setdefault(day, [])
        self.arrays.chunks[chunk] = day * DAY_MS, -1, 0, 0
        self._numbers.append(len(chunks))
        chunks.append(chunk)
        self._set_tail(day * DAY_MS, chunk)
        return chunk

    def _set_tail(self, day_ms: int, chunk: int) -> None:
        count, tails = int(self.arrays.counters[TAILS]), self.arrays.tails
        # It is nearly always the one that was opened last.
        place = next((at for at in reversed(range(count)) if tails[at, 0] == day_ms), count)
        if place == len(self.arrays.tails):
            self.arrays = self.arrays._replace(tails=_doubled(self.arrays.tails))
        self.arrays.tails[place] = day_ms, chunk
        self.arrays.counters[TAILS] = max(count, place + 1)

    def _take_place(self, chunk: int) -> int:
        """Return the place in the pool that a chunk has from now on."""
        place = self._free_place()
        self._at_place[place] = chunk
        self.arrays.chunks[chunk, CHUNK_PLACE] = place
        return place

    def _free_place(self) -> int:
        """Return a place that is free, that of a chunk that is written or packed, or else a new one."""
        for _ in range(len(self._at_place)):
            self._hand = (self._hand + 1) % len(self._at_place)
            chunk = self._at_place[self._hand]
            if chunk is None:
                return self._hand
            if len(self._at_place) >= self._places and self.arrays.chunks[chunk, CHUNK_DIRTY] != CHANGED:
                self.arrays.chunks[chunk, CHUNK_PLACE] = -1
                return self._hand
        free = len(self._at_place)
        self.arrays = self.arrays._replace(pool=_doubled(self.arrays.pool))
        self._at_place += [None] * free
        self._hand = free
        return free


def _room_for(slots: int) -> NDArray[np.int64]:
    """Return room for as many slots as a table may have, so that it grows where it lies; unused, it takes no memory.

    Where the system promises no memory that it does not have, the room is for the first ones.
    """
    try:
        return zeros(slots, 2)
    except OSError:
        return zeros(_FIRST_ENTRIES, 2)


def _doubled(array: NDArray[np.int64]) -> NDArray[np.int64]:
    return longer(array, len(array), len(array), in_large_pages=True)
