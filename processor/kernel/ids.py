"""Which ids of an input partition were counted: a table in memory that finds them, and the chunks that hold them.

An id is known by a hash of 128 bits over customer and id. The table has eight bytes of each: 43 bits of the hash, and
where the entry lies, a chunk and some places in it. A table tells of chunks by short numbers of its own. What does not
fit into the memory that it may take sinks to disk, a whole table at a time, and a sieve in memory keeps those away from
there that have not sunk: nearly all, since ids are new.

The entries lie in chunks of one day of event time each; those that are in memory lie in the pool. Whoever finds one
must have its chunk in memory, for only there the whole hash is, and the content.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import (
    Whole,
    address_of,
    eight_words,
    folded_product,
    load64,
    prefetch,
    store8,
    store64,
    trailing_zeros,
)
from processor.kernel.rows import (
    ID,
    ID_LENGTH,
    MICROS,
    MS,
    NAME,
    NAME_LENGTH,
    NO_EVENT,
    ROW_NUMBERS,
    SLOT,
)
from processor.kernel.text import hash_twice

DAY_MS = 86_400_000
CHUNK_BITS = 10
CHUNK = 1 << CHUNK_BITS
"""How many entries a chunk holds."""

ENTRY_NUMBERS = 8
COLUMN = CHUNK + 8
"""How many numbers a column of a chunk has room for in memory. Were it a power of two, columns would drive each other
out of the cache."""
HASH_A, HASH_B, ENTRY_MS, ENTRY_MICROS, ENTRY_SLOT, ENTRY_OFFSET, ENTRY_STATE, ENTRY_TARGET = range(ENTRY_NUMBERS)
"""The hash of customer and id; event time, amount and the type's slot; the record's offset; what became of it; and of
a void or a replacement half of the hash of the id that it takes back."""
VOIDED, IS_VOID, IS_REPLACEMENT = 1, 2, 4
"""Bits of an entry's state: it was taken back; it is a void; it is an event that replaces another."""

MAGIC = int.from_bytes(b"I1", "little")
"""How a chunk that is packed begins."""
COLUMN_BYTES = 8 + 1
HEADER_BYTES = 2 + 2 + ENTRY_NUMBERS * COLUMN_BYTES
"""What lies before the columns of a chunk that is packed."""

CHUNK_DAY, CHUNK_PLACE, CHUNK_COUNT, CHUNK_DIRTY = range(4)
"""Of a chunk: the start of its day in milliseconds, its place in the pool or -1, how many entries it has, and whether
it changed since it was written."""
CHANGED, PACKED = 1, 2
"""It changed; it changed and is packed as it will be written."""
NO_DAY = -(1 << 62)
"""The day of a chunk that was dropped."""

USED, TAILS = range(2)
# What the rows of the partition have come to, from call to call.
NEXT_ROW, WATERMARK, NEXT_SPECIAL, VERDICTS, WANTED = range(5)
# Why a call ends: at the last row; the day in `WANTED` has no chunk with room of which the table tells; the chunk in
# `WANTED` is not in memory; a row that is none of a plain event.
DONE, WANTS_ROOM, WANTS_CHUNK, IS_SPECIAL = range(4)
DUPLICATE, CONFLICT, TOO_OLD = 1, 2, 3

TAIL_DAY, TAIL_CHUNK, TAIL_SHORT = range(3)
"""Of the chunk that takes the new entries of a day: the day, as a chunk has it, the chunk, and its short number in the
table, 0 if that does not tell of it."""

SLOT_BYTES = 8
SHORT_BITS = 16
_RUN_BITS = 5
_RUN = 1 << _RUN_BITS
MOST_SLOTS = 1 << 26
"""A table of more would have too few bits of a hash beyond those that tell its slot."""
SIEVE_WORDS = 8
"""How many words a block of the sieve has."""
_SIEVE_BITS = 6
# The bits of a hash that tell its slot, in a table of the default size.
_ORDER = np.uint64((1 << 24) - 1)
_SIEVE_A, _SIEVE_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)

ABSENT = np.int64(-1)
_COLD = np.int64(-2)
# A slot tells of a run of places in a chunk. With the very place there would be fewer bits of the hash: of ten thousand
# new ids one would find an entry that is not its own, whose chunk is read for nothing.
_PLACE_BITS = CHUNK_BITS - _RUN_BITS
_LOCATION_BITS = SHORT_BITS + _PLACE_BITS
_LOCATION = np.uint64((1 << _LOCATION_BITS) - 1)
_HELD = np.uint64((1 << (64 - _LOCATION_BITS)) - 1)
_COLUMN_BYTES = 8 * COLUMN
_PLACE_BYTES = ENTRY_NUMBERS * _COLUMN_BYTES
_CHUNK_ROW_BYTES = 4 * 8
_TAIL_BYTES = 3 * 8
_SEGMENT_BYTES = 3 * 8
# Slots are looked at a cache line at a time. Those in use are the first ones of their line: nobody leaves one but for
# good, with all others that lie behind.
LINE_SLOTS = 8
_LINE_BYTES = LINE_SLOTS * SLOT_BYTES
_LINE_START = ~(LINE_SLOTS - 1)
_AHEAD = 8


class IdArrays(NamedTuple):
    """The ids of an input partition.

    Args:
        slots: a power of two of them: the low bits of the hash's first half above the location. An empty one is 0.
        shorts: by short number, the chunk; no chunk has the number 0.
        segments: of each table that has sunk to disk, where it lies, its last slot, and where its short numbers lie.
        sieve: bits that tell of a hash that it has surely not sunk, in blocks of a cache line.
        chunks: what is known of each chunk.
        pool: at each place the entries of a chunk, by column: of each of their numbers, room for :data:`COLUMN`.
        tails: for each day that has one, the chunk that takes its new entries; see `TAIL_DAY` and those behind it.
        counters: slots in use, days with a tail.
    """

    slots: NDArray[np.int64]
    shorts: NDArray[np.int64]
    segments: NDArray[np.int64]
    sieve: NDArray[np.int64]
    chunks: NDArray[np.int64]
    pool: NDArray[np.int64]
    tails: NDArray[np.int64]
    counters: NDArray[np.int64]


class IdPlaces(NamedTuple):
    """Where the arrays lie, the last slot, and how many segments and blocks of the sieve there are."""

    slots: Whole
    last: Whole
    shorts: Whole
    segments: Whole
    segment_count: Whole
    sieve: Whole
    blocks: Whole
    chunks: Whole
    pool: Whole
    tails: Whole
    counters: Whole


@inlined
def id_places(ids: IdArrays) -> IdPlaces:
    """Return where the arrays lie."""
    return IdPlaces(
        address_of(ids.slots),
        ids.slots.shape[0] - 1,
        address_of(ids.shorts),
        address_of(ids.segments),
        ids.segments.shape[0],
        address_of(ids.sieve),
        ids.sieve.shape[0] // SIEVE_WORDS,
        address_of(ids.chunks),
        address_of(ids.pool),
        address_of(ids.tails),
        address_of(ids.counters),
    )


@inlined
def _hash_pair(name: Whole, name_length: Whole, id_: Whole, id_length: Whole, seeds: Whole) -> tuple[Whole, Whole]:
    """Return two independent halves of a hash of customer and id; the first one is never 0."""
    first, second = hash_twice(name, name_length, load64(seeds), load64(seeds + 8))
    first, second = hash_twice(id_, id_length, first, second)
    return (first if first != np.uint64(0) else np.uint64(1)), second


@compiled
def hash_ids(rows: NDArray[np.int64], seeds: NDArray[np.int64], hashes: NDArray[np.int64]) -> Whole:
    """Fill in the hashes of customer and id of rows that have an id; return how many have one.

    Args:
        rows: as :func:`processor.kernel.parse.parse_records` fills them in. One of no event may have an id, too.
        seeds: two secret numbers. Who knew them could make ids that collide.
        hashes: filled in, a pair for each row: zeros where there is no id.
    """
    row, pair, key, found = address_of(rows), address_of(hashes), address_of(seeds), 0
    for _ in range(rows.shape[0]):
        length = np.int64(load64(row + 8 * ID_LENGTH))
        if length > 0 and np.int64(load64(row + 8 * SLOT)) != NO_EVENT:
            name, name_length = np.int64(load64(row + 8 * NAME)), np.int64(load64(row + 8 * NAME_LENGTH))
            first, second = _hash_pair(name, name_length, np.int64(load64(row + 8 * ID)), length, key)
            store64(pair, np.int64(first))
            store64(pair + 8, np.int64(second))
            found += 1
        else:
            store64(pair, 0)
            store64(pair + 8, 0)
        row += 8 * ROW_NUMBERS
        pair += 16
    return found


@compiled
def hash_texts(
    names: NDArray[np.int64],
    name_lengths: NDArray[np.int64],
    ids: NDArray[np.int64],
    id_lengths: NDArray[np.int64],
    seeds: NDArray[np.int64],
    hashes: NDArray[np.int64],
) -> None:
    """Fill in the hashes of customers and ids that lie at some addresses."""
    key = address_of(seeds)
    for place in range(names.shape[0]):
        first, second = _hash_pair(names[place], name_lengths[place], ids[place], id_lengths[place], key)
        hashes[place, 0], hashes[place, 1] = np.int64(first), np.int64(second)


@inlined
def _home(first: Whole, last: Whole) -> Whole:
    """Return the first slot in which a hash may be."""
    return np.int64(np.uint64(first) & np.uint64(last)) & _LINE_START


@inlined
def _fetch_ahead(ids: IdPlaces, first: Whole) -> None:
    """Have what tells of a hash brought nearer: the lines in which it is nearly always, and what the sieve has."""
    line = ids.slots + SLOT_BYTES * _home(first, ids.last)
    prefetch(line)
    prefetch(line + _LINE_BYTES)
    prefetch(line + 2 * _LINE_BYTES)
    if ids.blocks > 0:
        _fetch_block(ids.sieve, ids.blocks, first)


@inlined
def _fetch_block(sieve: Whole, blocks: Whole, first: Whole) -> None:
    block, _ = _bits_of(first, blocks)
    prefetch(sieve + 8 * SIEVE_WORDS * block)


@inlined
def _find(ids: IdPlaces, first: Whole, second: Whole, forgotten_ms: Whole) -> tuple[Whole, Whole, Whole]:
    """Return where the entry of a hash lies in the pool, its chunk, and the slot that it takes if there is none.

    The address is `ABSENT` where there is none, or only one of a day that ended at `forgotten_ms` or before; `_COLD`
    where a chunk has to be brought into memory first.
    """
    found, chunk, vacant = _find_among(ids, ids.slots, ids.last, ids.shorts, first, second, forgotten_ms)
    if found == ABSENT and ids.blocks > 0 and _may_have_sunk(ids.sieve, ids.blocks, first):
        segment = ids.segments
        for _ in range(ids.segment_count):
            slots, last = np.int64(load64(segment)), np.int64(load64(segment + 8))
            shorts = np.int64(load64(segment + 16))
            found, chunk, _ = _find_among(ids, slots, last, shorts, first, second, forgotten_ms)
            if found != ABSENT:
                break
            segment += _SEGMENT_BYTES
    return found, chunk, vacant


@inlined
def _find_among(
    ids: IdPlaces, slots: Whole, last: Whole, shorts: Whole, first: Whole, second: Whole, forgotten_ms: Whole
) -> tuple[Whole, Whole, Whole]:
    at = _home(first, last)
    wanted = _slot_of(first, 0)
    while True:
        line = slots + SLOT_BYTES * at
        same, vacant = _compare(line, wanted)
        while same != np.uint64(0):
            slot = load64(line + SLOT_BYTES * trailing_zeros(same))
            chunk = np.int64(load64(shorts + 8 * _short_in(slot)))
            row = ids.chunks + _CHUNK_ROW_BYTES * chunk
            if np.int64(load64(row + 8 * CHUNK_DAY)) + DAY_MS > forgotten_ms:
                place = np.int64(load64(row + 8 * CHUNK_PLACE))
                if place < 0:
                    return _COLD, chunk, ABSENT
                entries = np.int64(load64(row + 8 * CHUNK_COUNT))
                found = _find_in(ids.pool + _PLACE_BYTES * place, entries, slot, first, second)
                if found != ABSENT:
                    return found, chunk, ABSENT
            same &= same - np.uint64(1)
        if vacant != np.uint64(0):
            return ABSENT, ABSENT, line + SLOT_BYTES * trailing_zeros(vacant)
        at = (at + LINE_SLOTS) & last


@inlined
def _find_in(chunk: Whole, entries: Whole, slot: Whole, first: Whole, second: Whole) -> Whole:
    """Return where the entry of a hash lies in a chunk, among those that a slot tells of, or `ABSENT`."""
    within = _run_in(slot) << _RUN_BITS
    entry, end = chunk + 8 * within, chunk + 8 * min(entries, within + _RUN)
    while entry < end:
        if _number(entry, HASH_A) == first and _number(entry, HASH_B) == second:
            return entry
        entry += 8
    return ABSENT


@inlined
def _number(entry: Whole, column: Whole) -> Whole:
    """Return a number of an entry that lies in the pool."""
    return np.int64(load64(entry + _COLUMN_BYTES * column))


@inlined
def _compare(line: Whole, wanted: Whole) -> tuple[Whole, Whole]:
    """Return as bits which slots of a line hold the bits of a hash, and which are empty."""
    bits = eight_words(line, wanted, _LOCATION)
    vacant = bits >> np.uint64(LINE_SLOTS)
    return bits & ~vacant & np.uint64((1 << LINE_SLOTS) - 1), vacant


@inlined
def _slot_of(first: Whole, location: Whole) -> Whole:
    """Return what a slot holds of a hash and of where its entry lies."""
    return np.uint64(first) << np.uint64(_LOCATION_BITS) | np.uint64(location)


@inlined
def _location_of(short: Whole, run: Whole) -> Whole:
    """Return what a slot holds of where an entry lies: its chunk's short number, and the run of places there."""
    return short << _PLACE_BITS | run


@inlined
def _run_in(slot: Whole) -> Whole:
    return np.int64(slot & np.uint64((1 << _PLACE_BITS) - 1))


@inlined
def _hash_in(slot: Whole) -> Whole:
    """Return the bits of a hash that a slot holds; they tell its places in any table, and in the sieve."""
    return slot >> np.uint64(_LOCATION_BITS)


@inlined
def _short_in(slot: Whole) -> Whole:
    return np.int64((slot & _LOCATION) >> np.uint64(_PLACE_BITS))


@inlined
def _bits_of(first: Whole, blocks: Whole) -> tuple[Whole, Whole]:
    """Return the block of the sieve that a hash belongs to, and a number that tells its bits there.

    Blocks come in the order of slots: who goes through a table goes through the sieve from its start to its end, once
    or some times.
    """
    hashed = np.uint64(first) & _HELD
    place = (hashed & _ORDER) << np.uint64(8) | (hashed >> np.uint64(24)) & np.uint64(0xFF)
    bits = folded_product(hashed ^ _SIEVE_A, _SIEVE_B)
    return np.int64((place * np.uint64(blocks)) >> np.uint64(32)), bits


@inlined
def _may_have_sunk(sieve: Whole, blocks: Whole, first: Whole) -> bool:
    block, bits = _bits_of(first, blocks)
    line = sieve + 8 * SIEVE_WORDS * block
    for _ in range(_SIEVE_BITS):
        word = load64(line + 8 * np.int64(bits >> np.uint64(61)))
        if (word >> ((bits >> np.uint64(55)) & np.uint64(63))) & np.uint64(1) == np.uint64(0):
            return False
        bits <<= np.uint64(9)
    return True


@inlined
def _mark(sieve: Whole, blocks: Whole, first: Whole) -> None:
    block, bits = _bits_of(first, blocks)
    line = sieve + 8 * SIEVE_WORDS * block
    for _ in range(_SIEVE_BITS):
        word = line + 8 * np.int64(bits >> np.uint64(61))
        store64(word, np.int64(load64(word) | (np.uint64(1) << ((bits >> np.uint64(55)) & np.uint64(63)))))
        bits <<= np.uint64(9)


@inlined
def _tail(ids: IdPlaces, day_ms: Whole) -> tuple[Whole, Whole, Whole]:
    """Return the chunk that takes the entries of a day, its short number, and where it is kept in mind.

    The short number is 0 where there is none, or the table does not tell of it yet.
    """
    # From the one that was opened last: most events are of the newest day.
    tail = ids.tails + _TAIL_BYTES * np.int64(load64(ids.counters + 8 * TAILS))
    while tail > ids.tails:
        tail -= _TAIL_BYTES
        if np.int64(load64(tail + 8 * TAIL_DAY)) == day_ms:
            chunk = np.int64(load64(tail + 8 * TAIL_CHUNK))
            return chunk, np.int64(load64(tail + 8 * TAIL_SHORT)), ids.chunks + _CHUNK_ROW_BYTES * chunk
    return ABSENT, np.int64(0), ABSENT


@inlined
def _put(slots: Whole, last: Whole, slot: Whole) -> None:
    at = _home(_hash_in(slot), last)
    _, vacant = _compare(slots + SLOT_BYTES * at, slot)
    while vacant == np.uint64(0):
        at = (at + LINE_SLOTS) & last
        _, vacant = _compare(slots + SLOT_BYTES * at, slot)
    store64(slots + SLOT_BYTES * (at + trailing_zeros(vacant)), np.int64(slot))


@inlined
def _enter(ids: IdPlaces, first: Whole, location: Whole) -> None:
    _put(ids.slots, ids.last, _slot_of(first, location))
    _add_used(ids)


@inlined
def _add_used(ids: IdPlaces) -> None:
    store64(ids.counters + 8 * USED, np.int64(load64(ids.counters + 8 * USED)) + 1)


@inlined
def _start_of_day(ms: Whole) -> Whole:
    return ms - ms % DAY_MS


@compiled
def decide(
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    hashes: NDArray[np.int64],
    special: NDArray[np.int64],
    window_ms: Whole,
    ids: IdArrays,
    progress: NDArray[np.int64],
    verdicts: NDArray[np.int64],
) -> Whole:
    """Go through rows from `NEXT_ROW` on: enter ids that are new, and take away the events of all others.

    Args:
        rows: the rows. One that is not counted loses its event.
        offsets: of the records.
        hashes: of their ids.
        special: the positions of rows that are left to the caller, ascending, and one behind all.
        window_ms: how far behind the watermark an id that is new may lie.
        ids: what was counted, with room for all rows.
        progress: where it goes on; see `NEXT_ROW` and those behind it.
        verdicts: filled in with (position, verdict, offset of the first) of what is not counted.

    Returns:
        Why it ends. The row in `NEXT_ROW` is not decided then.
    """
    places = id_places(ids)
    row, pair = address_of(rows), address_of(hashes)
    watermark, count, last = progress[WATERMARK], rows.shape[0], rows.shape[0] - 1
    why = DONE
    index = progress[NEXT_ROW]
    next_special = special[progress[NEXT_SPECIAL]]
    while index < count:
        if index == next_special:
            why = IS_SPECIAL
            break
        ahead = min(index + _AHEAD, last)
        _fetch_ahead(places, np.int64(load64(pair + 16 * ahead)))
        event = row + 8 * ROW_NUMBERS * index
        slot, ms = np.int64(load64(event + 8 * SLOT)), np.int64(load64(event + 8 * MS))
        first = np.int64(load64(pair + 16 * index))
        if slot == NO_EVENT:
            index += 1
            continue
        if first == 0:
            watermark = max(watermark, ms)
            index += 1
            continue
        second = np.int64(load64(pair + 16 * index + 8))
        floor_ms = watermark - window_ms
        found, chunk, vacant = _find(places, first, second, floor_ms)
        if found == _COLD:
            progress[WANTED] = chunk
            why = WANTS_CHUNK
            break
        micros = np.int64(load64(event + 8 * MICROS))
        verdict = 0
        if found != ABSENT:
            same = (
                _number(found, ENTRY_MS) == ms
                and _number(found, ENTRY_MICROS) == micros
                and _number(found, ENTRY_SLOT) == slot
                and _number(found, ENTRY_STATE) & (IS_VOID | IS_REPLACEMENT) == 0
            )
            verdict = DUPLICATE if same else CONFLICT
        elif ms < floor_ms:
            verdict = TOO_OLD
        else:
            day_ms = _start_of_day(ms)
            chunk, short, tail = _tail(places, day_ms)
            if short == 0 or np.int64(load64(tail + 8 * CHUNK_COUNT)) == CHUNK:
                progress[WANTED] = day_ms
                why = WANTS_ROOM
                break
            place = np.int64(load64(tail + 8 * CHUNK_PLACE))
            if place < 0:
                progress[WANTED] = chunk
                why = WANTS_CHUNK
                break
            within = np.int64(load64(tail + 8 * CHUNK_COUNT))
            entry = places.pool + _PLACE_BYTES * place + 8 * within
            store64(entry + _COLUMN_BYTES * HASH_A, first)
            store64(entry + _COLUMN_BYTES * HASH_B, second)
            store64(entry + _COLUMN_BYTES * ENTRY_MS, ms)
            store64(entry + _COLUMN_BYTES * ENTRY_MICROS, micros)
            store64(entry + _COLUMN_BYTES * ENTRY_SLOT, slot)
            store64(entry + _COLUMN_BYTES * ENTRY_OFFSET, offsets[index])
            store64(entry + _COLUMN_BYTES * ENTRY_STATE, 0)
            store64(entry + _COLUMN_BYTES * ENTRY_TARGET, 0)
            store64(tail + 8 * CHUNK_COUNT, within + 1)
            store64(tail + 8 * CHUNK_DIRTY, CHANGED)
            store64(vacant, np.int64(_slot_of(first, _location_of(short, within >> _RUN_BITS))))
            _add_used(places)
            watermark = max(watermark, ms)
        if verdict != 0:
            store64(event + 8 * SLOT, NO_EVENT)
            at = progress[VERDICTS]
            verdicts[at, 0], verdicts[at, 1] = index, verdict
            verdicts[at, 2] = -1 if found == ABSENT else _number(found, ENTRY_OFFSET)
            progress[VERDICTS] = at + 1
        index += 1
    progress[NEXT_ROW], progress[WATERMARK] = index, watermark
    return why


@compiled
def find_entry(ids: IdArrays, first: Whole, second: Whole, forgotten_ms: Whole) -> tuple[Whole, Whole]:
    """Return the chunk that holds the entry of a hash, and the place in it.

    The place is -1 where there is none, -2 where the chunk has to be brought into memory first.
    """
    places = id_places(ids)
    found, chunk, _ = _find(places, first, second, forgotten_ms)
    return chunk, (found if found < 0 else (found - places.pool) % _PLACE_BYTES // 8)


@compiled
def may_have_sunk(ids: IdArrays, first: Whole) -> bool:
    """Say whether the sieve lets a hash through: all that have sunk, and some others."""
    return _may_have_sunk(address_of(ids.sieve), ids.sieve.shape[0] // SIEVE_WORDS, first)


@compiled
def enter_chunk(ids: IdArrays, hashes: NDArray[np.int64], short: Whole, within: Whole) -> None:
    """Enter the first halves of the hashes of entries that lie in a chunk, in their order; there must be room.

    Args:
        ids: the table.
        hashes: the halves.
        short: the chunk's short number.
        within: the place of the first entry.
    """
    places = id_places(ids)
    last = hashes.shape[0] - 1
    for at in range(hashes.shape[0]):
        prefetch(places.slots + SLOT_BYTES * _home(hashes[min(at + _AHEAD, last)], places.last))
        _enter(places, hashes[at], _location_of(short, (within + at) >> _RUN_BITS))


@compiled
def survey(slots: NDArray[np.int64], days_ms: NDArray[np.int64]) -> tuple[Whole, Whole]:
    """Return how many slots hold entries of chunks that were not dropped, and the newest day of these.

    Args:
        slots: the table.
        days_ms: by short number, the day of the chunk.
    """
    kept, newest = 0, np.int64(NO_DAY)
    for at in range(slots.shape[0]):
        if slots[at] != 0:
            day_ms = np.int64(days_ms[_short_in(np.uint64(slots[at]))])
            kept += day_ms != NO_DAY
            newest = max(newest, day_ms)
    return kept, newest


@compiled
def spread(ids: IdArrays, former: Whole, renamed: NDArray[np.int64]) -> None:
    """Make a table of the first so many slots one of all slots, in place, without entries of chunks that were dropped.

    Whoever is taken out is put back where it now belongs. From an empty slot on, all that lie between that place and
    the one that it had have been put back before, so it never comes to lie behind the latter.

    Args:
        ids: the slots behind the former ones are empty; there may be none.
        former: how many slots the table had, one of them empty at least.
        renamed: by short number, the one that the chunk has from now on; 0 if it was dropped.
    """
    places, mask, used = id_places(ids), former - 1, 0
    start = 0
    while ids.slots[start] != 0:
        start += 1
    for step in range(1, former):
        at = (start + step) & mask
        slot = np.uint64(ids.slots[at])
        if slot != np.uint64(0):
            ids.slots[at] = 0
            short = renamed[_short_in(slot)]
            if short != 0:
                location = _location_of(short, _run_in(slot))
                _put(places.slots, places.last, _slot_of(_hash_in(slot), location))
                used += 1
    ids.counters[USED] = used


@compiled
def mark(sieve: NDArray[np.int64], slots: NDArray[np.int64], days_ms: NDArray[np.int64]) -> None:
    """Mark in a sieve what slots hold, but for entries of chunks that were dropped.

    Args:
        sieve: the sieve.
        slots: the table.
        days_ms: by short number, the day of the chunk.
    """
    words, blocks, last = address_of(sieve), sieve.shape[0] // SIEVE_WORDS, slots.shape[0] - 1
    for at in range(slots.shape[0]):
        _fetch_block(words, blocks, _hash_in(np.uint64(slots[min(at + _AHEAD, last)])))
        slot = np.uint64(slots[at])
        if slot != np.uint64(0) and days_ms[_short_in(slot)] != NO_DAY:
            _mark(words, blocks, _hash_in(slot))


@compiled
def pack_chunk(columns: NDArray[np.int64], entries: Whole, out: NDArray[np.uint8]) -> Whole:
    """Write entries column by column, each number less the least of its column in as few bytes as all of it take.

    Before them stand :data:`MAGIC`, how many there are (16 bits), and of each column its least number and the width in
    bytes (8 bits); equal numbers have width 0.

    Args:
        columns: those of a chunk.
        entries: how many there are in each.
        out: filled in; it must have :data:`HEADER_BYTES`, 8 bytes for each number, and 8 more.

    Returns:
        How many bytes were written.
    """
    base = address_of(out)
    store64(base, MAGIC | entries << 16)
    header, at = base + 4, base + HEADER_BYTES
    for column in range(ENTRY_NUMBERS):
        numbers = columns[column, :entries]
        least, most = numbers[0], numbers[0]
        for number in numbers:
            least, most = min(least, number), max(most, number)
        span = np.uint64(most) - np.uint64(least)
        width = 0
        while width < 8 and span >> np.uint64(8 * width) != np.uint64(0):
            width += 1
        store64(header, least)
        store8(header + 8, width)
        header += COLUMN_BYTES
        if width > 0:
            for number in numbers:
                store64(at, np.int64(np.uint64(number) - np.uint64(least)))
                at += width
    return at - base


@compiled
def unpack_chunk(data: NDArray[np.uint8], header: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
    """Fill in the columns that :func:`pack_chunk` wrote; `data` has 8 bytes more than it wrote."""
    at = address_of(data)
    for column in range(ENTRY_NUMBERS):
        least, width = header[column, 0], header[column, 1]
        mask = np.uint64(0xFFFFFFFFFFFFFFFF)
        if width < 8:
            mask = (np.uint64(1) << np.uint64(8 * width)) - np.uint64(1)
        for row in range(columns.shape[1]):
            number = (load64(at) & mask) if width > 0 else np.uint64(0)
            columns[column, row] = np.int64(number + np.uint64(least))
            at += width
