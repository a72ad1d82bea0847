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
    COLUMN,
    DAY_MS,
    ENTRY_NUMBERS,
    ENTRY_SLOT,
    ENTRY_STATE,
    HASH_A,
    MOST_SLOTS,
    NO_DAY,
    PACKED,
    SHORT_BITS,
    SLOT_BYTES,
    TAIL_CHUNK,
    TAIL_DAY,
    TAIL_SHORT,
    TAILS,
    USED,
    VOIDED,
    IdArrays,
    enter_chunk,
    find_entry,
    spread,
    survey,
)

Fetch = Callable[[Sequence[bytes]], Sequence[bytes | None]]
"""Returns the values of keys as State has them committed."""

_CHUNK_BYTES = ENTRY_NUMBERS * COLUMN * 8
_FIRST_ENTRIES, _FIRST_CHUNKS, _FIRST_DAYS = 1_024, 16, 8
# The slots are at most so full, eight of ten; those of a new table, so that it lasts, six of ten. In a fuller one a new
# hash finds no empty slot near: with nine of ten it takes twice as long.
_FULL, _FULL_AT_FIRST, _OF = 8, 6, 10
_MOST_SHORTS = 1 << SHORT_BITS
_COLD = -2
_FETCHED_AT_ONCE = 256
TOLD_AT_ONCE = 32
"""How many full chunks are told of at once: about as much as the processor sends in one request."""


@dataclass(frozen=True)
class IdLimits:
    """How much memory the ids of an input partition may take.

    Args:
        table_bytes: of the table that finds them; what does not fit sinks to disk. More than
            :data:`~processor.kernel.ids.MOST_SLOTS` slots take is not used.
        cache_bytes: of the contents that are at hand; those that changed are, whatever they take.
        folder: where the disk is; None: where temporary files are.
    """

    table_bytes: int = 134_217_728
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
        fitting = (1 << (limits.table_bytes // SLOT_BYTES).bit_length()) // 2
        self._most_slots = min(max(_FIRST_ENTRIES, fitting), MOST_SLOTS)
        self._slots = _room_for(self._most_slots)
        self._segments = Segments(limits.folder)
        self._to_slots = to_slots
        self._from_slots = None if to_slots is None else np.argsort(to_slots)
        self.arrays = IdArrays(
            slots=self._slots[:_FIRST_ENTRIES],
            shorts=np.zeros(_FIRST_CHUNKS, np.int64),
            segments=self._segments.places,
            sieve=self._segments.sieve,
            chunks=np.zeros((_FIRST_CHUNKS, 4), np.int64),
            pool=np.zeros((1, ENTRY_NUMBERS, COLUMN), np.int64),
            tails=np.zeros((_FIRST_DAYS, 3), np.int64),
            counters=np.zeros(2, np.int64),
        )
        # By day, its chunks in order; by chunk, its number within the day; by place in the pool, the chunk there.
        self._days: dict[int, list[int]] = {}
        # How many short numbers the table has given, 0 among them.
        self._shorts = 1
        self._numbers: list[int] = []
        self._at_place: list[int | None] = [None]
        # By chunk that is full, what will be written of it: so it need not stay in the pool.
        self._packed: dict[int, bytes] = {}
        # Those of them that nobody was told of.
        self._full: list[int] = []
        self._hand = 0
        # The places in the pool of chunks that whoever looks for an entry needs at once.
        self._needed: set[int] = set()

    def __len__(self) -> int:
        return int(self.arrays.chunks[: len(self._numbers), CHUNK_COUNT].sum())

    @property
    def memory_bytes(self) -> int:
        """How much memory all of it takes; what has sunk to disk takes none, but for its sieve."""
        return sum(array.nbytes for array in self.arrays) + self._segments.memory_bytes

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
                    self.make_room(found.shape[1])
                    chunk = self._add_chunk(day)
                    self.arrays.chunks[chunk, CHUNK_COUNT] = found.shape[1]
                    enter_chunk(self.arrays, found[HASH_A], self._tail_of(day * DAY_MS)[1], 0)

    def make_room(self, entries: int) -> None:
        """Have room for so many entries more."""
        slots = self.arrays.slots
        if int(self.arrays.counters[USED]) + entries <= len(slots) * _FULL // _OF:
            return
        kept, newest_day_ms = self._survey()
        length = len(slots)
        while kept + entries > length * _FULL_AT_FIRST // _OF:
            length *= 2
        if kept and length > self._most_slots:
            self._sink(kept, newest_day_ms)
            self.make_room(entries)
        else:
            self._widen(length)

    def _survey(self) -> tuple[int, int]:
        """Return how many entries the table has of days that were not dropped, and the newest of these in ms."""
        days_ms = self.arrays.chunks[self.arrays.shorts[: self._shorts], CHUNK_DAY]
        kept, newest_day_ms = survey(self.arrays.slots, days_ms)
        return int(kept), int(newest_day_ms)

    def _widen(self, length: int) -> None:
        """Let the table have so many slots, no fewer than it has, and tell only of days that were not dropped."""
        former = self.arrays.slots
        if length > len(self._slots):
            self._slots = zeros(length)
            self._slots[: len(former)] = former
        self.arrays = self.arrays._replace(slots=self._slots[:length])
        spread(self.arrays, len(former), self._rename())

    def _rename(self) -> NDArray[np.int64]:
        """Give new short numbers to chunks that were not dropped; return these by the former ones, 0 for no chunk."""
        shorts = self.arrays.shorts
        kept = self.arrays.chunks[shorts[: self._shorts], CHUNK_DAY] != NO_DAY
        kept[0] = False
        renamed = np.where(kept, np.cumsum(kept), 0)
        self._shorts = 1 + int(np.count_nonzero(kept))
        shorts[1 : self._shorts] = shorts[: len(kept)][kept]
        tails = self._tails()
        tails[:, TAIL_SHORT] = renamed[tails[:, TAIL_SHORT]]
        return renamed

    def _sink(self, entries: int, newest_day_ms: int) -> None:
        """Let the whole table sink to disk, with so many entries up to a day."""
        arrays = self.arrays
        shorts = arrays.shorts[: self._shorts].copy()
        self._segments.add(arrays.slots, shorts, entries, newest_day_ms, arrays.chunks)
        arrays.slots.fill(0)
        arrays.counters[USED] = 0
        self._shorts = 1
        self._tails()[:, TAIL_SHORT] = 0
        self._learn_segments()

    def _learn_segments(self) -> None:
        self.arrays = self.arrays._replace(segments=self._segments.places, sieve=self._segments.sieve)

    def open_chunk(self, day_ms: int) -> None:
        """Have a chunk, of which the table tells, take the entries of a day: a new one if the last one is full.

        The full one is packed while it is near.
        """
        for chunk in self._days.get(day_ms // DAY_MS, [])[-1:]:
            if self.arrays.chunks[chunk, CHUNK_COUNT] < CHUNK:
                self._set_tail(day_ms, chunk)
                return
            if self.arrays.chunks[chunk, CHUNK_DIRTY] == CHANGED:
                self._packed[chunk] = self._encoded(chunk)
                self._full.append(chunk)
                self.arrays.chunks[chunk, CHUNK_DIRTY] = PACKED
        # State does not have it: it must not be driven out before it has an entry.
        self._needed.add(self._take_place(self._add_chunk(day_ms // DAY_MS)))

    def bring(self, chunk: int) -> None:
        """Bring a chunk into memory, where it stays until :meth:`release` at least.

        A table may tell of an entry that proves to be another's once it is in memory. Who looks for one needs all
        those at the same time, or two of them could drive each other out for ever.
        """
        data = self._packed.get(chunk)
        if data is None:
            (data,) = self._fetch([self._key(chunk)])
        entries = decode_chunk(data or b"")
        if self._to_slots is not None:
            entries[ENTRY_SLOT] = self._to_slots[entries[ENTRY_SLOT]]
        place = self._take_place(chunk)
        self._needed.add(place)
        self.arrays.pool[place, :, : entries.shape[1]] = entries

    def release(self) -> None:
        """Note that what was brought into memory need not stay there: nobody looks for that entry any more."""
        self._needed.clear()

    def find(self, first: int, second: int, forgotten_ms: int) -> tuple[int, NDArray[np.int64]] | None:
        """Return an entry and its chunk, None where there is none or the day ended at `forgotten_ms` or before.

        It is a view into memory, to be used before the table is called again.
        """
        self.release()
        chunk, within = find_entry(self.arrays, first, second, forgotten_ms)
        while within == _COLD:
            self.bring(chunk)
            chunk, within = find_entry(self.arrays, first, second, forgotten_ms)
        if within < 0:
            return None
        return int(chunk), self.arrays.pool[self.arrays.chunks[chunk, CHUNK_PLACE], :, within]

    def add(self, day_ms: int, entry: Sequence[int]) -> None:
        """Add an entry, whose hash must be new, to a day."""
        self.make_room(1)
        self.release()
        chunk, short = self._tail(day_ms)
        row = self.arrays.chunks[chunk]
        within = int(row[CHUNK_COUNT])
        self.arrays.pool[row[CHUNK_PLACE], :, within] = entry
        row[CHUNK_COUNT], row[CHUNK_DIRTY] = within + 1, CHANGED
        enter_chunk(self.arrays, np.array(entry[HASH_A : HASH_A + 1], np.int64), short, within)

    def void(self, chunk: int, entry: NDArray[np.int64]) -> None:
        """Note of an entry that was found that it is taken back."""
        entry[ENTRY_STATE] |= VOIDED
        self.arrays.chunks[chunk, CHUNK_DIRTY] = CHANGED
        self._packed.pop(chunk, None)

    def full(self) -> tuple[list[bytes], list[bytes]]:
        """Return keys and values of chunks that are full, each once, as :meth:`changes` will yield them.

        One that changes all the same, or whose day is dropped, has another value then, or none. Few wait for more.
        """
        if len(self._full) < TOLD_AT_ONCE:
            return [], []
        chunks = [chunk for chunk in self._full if chunk in self._packed]
        self._full.clear()
        return [self._key(chunk) for chunk in chunks], [self._packed[chunk] for chunk in chunks]

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
        columns, entries = self.arrays.pool[row[CHUNK_PLACE]], int(row[CHUNK_COUNT])
        if self._from_slots is not None:
            columns = columns.copy()
            columns[ENTRY_SLOT, :entries] = self._from_slots[columns[ENTRY_SLOT, :entries]]
        return encode_chunk(columns, entries)

    def written(self) -> None:
        """Note that nothing has changed since now."""
        self.arrays.chunks[: len(self._numbers), CHUNK_DIRTY] = 0
        self._packed.clear()
        self._full.clear()

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
        tails = self._tails()
        kept = tails[tails[:, TAIL_DAY] != day * DAY_MS]
        self.arrays.tails[: len(kept)] = kept
        self.arrays.counters[TAILS] = len(kept)

    def _tail(self, day_ms: int) -> tuple[int, int]:
        """Return the chunk, in memory and with room, that takes the entries of a day, and its short number."""
        chunk, short = self._tail_of(day_ms)
        if not short or self.arrays.chunks[chunk, CHUNK_COUNT] == CHUNK:
            self.open_chunk(day_ms)
            chunk, short = self._tail_of(day_ms)
        if self.arrays.chunks[chunk, CHUNK_PLACE] < 0:
            self.bring(chunk)
        return chunk, short

    def _tails(self) -> NDArray[np.int64]:
        return self.arrays.tails[: int(self.arrays.counters[TAILS])]

    def _tail_of(self, day_ms: int) -> tuple[int, int]:
        """Return the last chunk of a day and its short number, 0 where there is none."""
        tails, place = self._tails(), self._tail_place(day_ms)
        return (-1, 0) if place == len(tails) else (int(tails[place, TAIL_CHUNK]), int(tails[place, TAIL_SHORT]))

    def _tail_place(self, day_ms: int) -> int:
        """Return which of the tails is that of a day; one behind all where there is none."""
        tails = self._tails()
        # It is nearly always the one that was opened last.
        return next((at for at in reversed(range(len(tails))) if tails[at, TAIL_DAY] == day_ms), len(tails))

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
        """Let a chunk take the entries of a day, and the table tell of it."""
        short = self._new_short(chunk)
        place = self._tail_place(day_ms)
        if place == len(self.arrays.tails):
            self.arrays = self.arrays._replace(tails=_doubled(self.arrays.tails))
        self.arrays.tails[place] = day_ms, chunk, short
        self.arrays.counters[TAILS] = max(int(self.arrays.counters[TAILS]), place + 1)

    def _new_short(self, chunk: int) -> int:
        """Return the short number by which the table tells of a chunk from now on."""
        if self._shorts == _MOST_SHORTS:
            self._spare_shorts()
        if self._shorts == len(self.arrays.shorts):
            self.arrays = self.arrays._replace(shorts=_doubled(self.arrays.shorts))
        short, self._shorts = self._shorts, self._shorts + 1
        self.arrays.shorts[short] = chunk
        return short

    def _spare_shorts(self) -> None:
        """Have at least half of the short numbers to give: those of chunks that were dropped, or else all."""
        self._widen(len(self.arrays.slots))
        if self._shorts > _MOST_SHORTS // 2:
            self._sink(*self._survey())

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
            is_full = len(self._at_place) >= self._places
            if is_full and self._hand not in self._needed and self.arrays.chunks[chunk, CHUNK_DIRTY] != CHANGED:
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
        return zeros(slots)
    except OSError:
        return zeros(_FIRST_ENTRIES)


def _doubled(array: NDArray[np.int64]) -> NDArray[np.int64]:
    return longer(array, len(array), len(array), in_large_pages=True)
