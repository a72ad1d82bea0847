"""Which ids of an input partition were counted: a table in memory that finds them, and the chunks that hold them.

An id is known by a hash of 128 bits over customer and id. The table has 64 bits of it, 24 more, and where the entry
lies: chunk and place. What does not fit into the memory that it may take sinks to disk, a whole table at a time, and a
sieve in memory keeps those away from there that have not sunk: nearly all, since ids are new.

The entries lie in chunks of one day of event time each; those that are in memory lie in the pool. Whoever finds one
must have its chunk in memory, for only there the whole hash is, and the content.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.compiled import compiled, inlined
from billing.runtime.native.memory import Whole, address_of, folded_product, load64, prefetch, store8, store64
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
# Why a call ends: at the last row; the day or chunk in `WANTED` has no chunk with room, or is not in memory; a row
# that is none of a plain event.
DONE, WANTS_ROOM, WANTS_CHUNK, IS_SPECIAL = range(4)
DUPLICATE, CONFLICT, TOO_OLD = 1, 2, 3

SLOT_BYTES = 16
SIEVE_WORDS = 8
"""How many words a block of the sieve has."""
_SIEVE_BITS = 6
# The bits of a hash that tell its slot, in a table of the default size.
_ORDER = np.uint64((1 << 24) - 1)
_SIEVE_A, _SIEVE_B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)

ABSENT = np.int64(-1)
_COLD = np.int64(-2)
_LOCATION_BITS = 40
_LOCATION = (1 << _LOCATION_BITS) - 1
_ENTRY_BYTES = 8 * ENTRY_NUMBERS
_CHUNK_ROW_BYTES = 4 * 8
# Slots are looked at from the start of a cache line on.
_LINE_BYTES = 64
_LINE_START = ~(_LINE_BYTES // SLOT_BYTES - 1)
_AHEAD = 8


class IdArrays(NamedTuple):
    """The ids of an input partition.

    Args:
        slots: a power of two of pairs: half of the hash, and the top of the other half above the location. An empty
            one has 0 in its first word.
        segments: of each table that has sunk to disk, where it lies and its last slot.
        sieve: bits that tell of a hash that it has surely not sunk, in blocks of a cache line.
        chunks: what is known of each chunk.
        pool: the entries of the chunks in memory, :data:`CHUNK` of them at each place.
        tails: for each day that has one, the chunk that takes its new entries.
        counters: slots in use, days with a tail.
    """

    slots: NDArray[np.int64]
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
    """Return where the entry of a hash lies in the pool, its location, and the slot that it takes if there is none.

    The address is `ABSENT` where there is none, or only one of a day that ended at `forgotten_ms` or before; `_COLD`
    where a chunk has to be brought into memory first.
    """
    found, location, vacant = _find_among(ids, ids.slots, ids.last, first, second, forgotten_ms)
    if found == ABSENT and ids.blocks > 0 and _may_have_sunk(ids.sieve, ids.blocks, first):
        segment = ids.segments
        for _ in range(ids.segment_count):
            slots, last = np.int64(load64(segment)), np.int64(load64(segment + 8))
            found, location, _ = _find_among(ids, slots, last, first, second, forgotten_ms)
            if found != ABSENT:
                break
            segment += 16
    return found, location, vacant


@inlined
def _find_among(
    ids: IdPlaces, slots: Whole, last: Whole, first: Whole, second: Whole, forgotten_ms: Whole
) -> tuple[Whole, Whole, Whole]:
    at = _home(first, last)
    top = np.uint64(second) >> np.uint64(_LOCATION_BITS)
    while True:
        word = slots + SLOT_BYTES * at
        held = np.int64(load64(word))
        if held == 0:
            return ABSENT, ABSENT, word
        if held == first:
            entry = load64(word + 8)
            if entry >> np.uint64(_LOCATION_BITS) == top:
                location = np.int64(entry & np.uint64(_LOCATION))
                chunk = ids.chunks + _CHUNK_ROW_BYTES * (location >> CHUNK_BITS)
                if np.int64(load64(chunk + 8 * CHUNK_DAY)) + DAY_MS > forgotten_ms:
                    place = np.int64(load64(chunk + 8 * CHUNK_PLACE))
                    if place < 0:
                        return _COLD, location, ABSENT
                    found = ids.pool + _ENTRY_BYTES * (CHUNK * place + (location & (CHUNK - 1)))
                    if np.int64(load64(found + 8 * HASH_B)) == second:
                        return found, location, ABSENT
        at = (at + 1) & last


@inlined
def _bits_of(first: Whole, blocks: Whole) -> tuple[Whole, Whole]:
    """Return the block of the sieve that a hash belongs to, and a number that tells its bits there.

    Blocks come in the order of slots: who goes through a table goes through the sieve from its start to its end, once
    or some times.
    """
    hashed = np.uint64(first)
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
def _tail(ids: IdPlaces, day_ms: Whole) -> tuple[Whole, Whole]:
    """Return the chunk with room that takes the entries of a day, or `ABSENT`; and where it is kept in mind."""
    # From the one that was opened last: most events are of the newest day.
    tail = ids.tails + 16 * np.int64(load64(ids.counters + 8 * TAILS))
    while tail > ids.tails:
        tail -= 16
        if np.int64(load64(tail)) == day_ms:
            chunk = np.int64(load64(tail + 8))
            return chunk, ids.chunks + _CHUNK_ROW_BYTES * chunk
    return ABSENT, ABSENT


@inlined
def _put(slots: Whole, last: Whole, first: Whole, entry: Whole) -> None:
    at = _home(first, last)
    while np.int64(load64(slots + SLOT_BYTES * at)) != 0:
        at = (at + 1) & last
    _fill(slots + SLOT_BYTES * at, first, entry)


@inlined
def _fill(slot: Whole, first: Whole, entry: Whole) -> None:
    store64(slot, first)
    store64(slot + 8, entry)


@inlined
def _slot_entry(second: Whole, location: Whole) -> Whole:
    return ((second >> _LOCATION_BITS) << _LOCATION_BITS) | location


@inlined
def _enter(ids: IdPlaces, first: Whole, second: Whole, location: Whole) -> None:
    _put(ids.slots, ids.last, first, _slot_entry(second, location))
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
        found, location, vacant = _find(places, first, second, floor_ms)
        if found == _COLD:
            progress[WANTED] = location >> CHUNK_BITS
            why = WANTS_CHUNK
            break
        micros = np.int64(load64(event + 8 * MICROS))
        verdict = 0
        if found != ABSENT:
            same = (
                np.int64(load64(found + 8 * ENTRY_MS)) == ms
                and np.int64(load64(found + 8 * ENTRY_MICROS)) == micros
                and np.int64(load64(found + 8 * ENTRY_SLOT)) == slot
                and np.int64(load64(found + 8 * ENTRY_STATE)) & (IS_VOID | IS_REPLACEMENT) == 0
            )
            verdict = DUPLICATE if same else CONFLICT
        elif ms < floor_ms:
            verdict = TOO_OLD
        else:
            day_ms = _start_of_day(ms)
            chunk, tail = _tail(places, day_ms)
            if chunk == ABSENT or np.int64(load64(tail + 8 * CHUNK_COUNT)) == CHUNK:
                progress[WANTED] = day_ms
                why = WANTS_ROOM
                break
            place = np.int64(load64(tail + 8 * CHUNK_PLACE))
            if place < 0:
                progress[WANTED] = chunk
                why = WANTS_CHUNK
                break
            within = np.int64(load64(tail + 8 * CHUNK_COUNT))
            entry = places.pool + _ENTRY_BYTES * (CHUNK * place + within)
            store64(entry + 8 * HASH_A, first)
            store64(entry + 8 * HASH_B, second)
            store64(entry + 8 * ENTRY_MS, ms)
            store64(entry + 8 * ENTRY_MICROS, micros)
            store64(entry + 8 * ENTRY_SLOT, slot)
            store64(entry + 8 * ENTRY_OFFSET, offsets[index])
            store64(entry + 8 * ENTRY_STATE, 0)
            store64(entry + 8 * ENTRY_TARGET, 0)
            store64(tail + 8 * CHUNK_COUNT, within + 1)
            store64(tail + 8 * CHUNK_DIRTY, CHANGED)
            _fill(vacant, first, _slot_entry(second, (chunk << CHUNK_BITS) | within))
            _add_used(places)
            watermark = max(watermark, ms)
        if verdict != 0:
            store64(event + 8 * SLOT, NO_EVENT)
            at = progress[VERDICTS]
            verdicts[at, 0], verdicts[at, 1] = index, verdict
            verdicts[at, 2] = -1 if found == ABSENT else np.int64(load64(found + 8 * ENTRY_OFFSET))
            progress[VERDICTS] = at + 1
        index += 1
    progress[NEXT_ROW], progress[WATERMARK] = index, watermark
    return why


@compiled
def find_entry(ids: IdArrays, first: Whole, second: Whole, forgotten_ms: Whole) -> tuple[Whole, Whole]:
    """Return the row of the pool that holds the entry of a hash, and its chunk.

    The row is -1 where there is none, -2 where the chunk has to be brought into memory first.
    """
    places = id_places(ids)
    found, location, _ = _find(places, first, second, forgotten_ms)
    if found < 0:
        return found, location >> CHUNK_BITS
    return (found - places.pool) // _ENTRY_BYTES, location >> CHUNK_BITS


@compiled
def may_have_sunk(ids: IdArrays, first: Whole) -> bool:
    """Say whether the sieve lets a hash through: all that have sunk, and some others."""
    return _may_have_sunk(address_of(ids.sieve), ids.sieve.shape[0] // SIEVE_WORDS, first)


@compiled
def enter_one(ids: IdArrays, first: Whole, second: Whole, chunk: Whole, within: Whole) -> None:
    """Enter the hash of an entry that lies in a chunk; there must be room."""
    _enter(id_places(ids), first, second, (chunk << CHUNK_BITS) | within)


@compiled
def enter_chunk(ids: IdArrays, first: NDArray[np.int64], second: NDArray[np.int64], chunk: Whole) -> None:
    """Enter the hashes of the entries of a chunk, in their order; there must be room."""
    places = id_places(ids)
    count = first.shape[0]
    for within in range(count):
        prefetch(places.slots + SLOT_BYTES * _home(first[min(within + _AHEAD, count - 1)], places.last))
        _enter(places, first[within], second[within], (chunk << CHUNK_BITS) | within)


@inlined
def _day_of(entry: Whole, chunks: NDArray[np.int64]) -> Whole:
    """Return the day of what a slot's second word tells of."""
    return chunks[(entry & _LOCATION) >> CHUNK_BITS, CHUNK_DAY]


@compiled
def survey(slots: NDArray[np.int64], chunks: NDArray[np.int64]) -> tuple[Whole, Whole]:
    """Return how many slots hold entries of chunks that were not dropped, and the newest day of these."""
    kept, newest = 0, np.int64(NO_DAY)
    for at in range(slots.shape[0]):
        if slots[at, 0] != 0:
            day = _day_of(slots[at, 1], chunks)
            kept += day != NO_DAY
            newest = max(newest, day)
    return kept, newest


@compiled
def spread(ids: IdArrays, former: Whole) -> None:
    """Make a table of the first so many slots one of all slots, in place, without entries of chunks that were dropped.

    Whoever is taken out is put back where it now belongs. From an empty slot on, all that lie between that place and
    the one that it had have been put back before, so it never comes to lie behind the latter.

    Args:
        ids: the slots behind the former ones are empty; there may be none.
        former: how many slots the table had, one of them empty at least.
    """
    places, mask, used = id_places(ids), former - 1, 0
    start = 0
    while ids.slots[start, 0] != 0:
        start += 1
    for step in range(1, former):
        at = (start + step) & mask
        first, entry = ids.slots[at, 0], ids.slots[at, 1]
        if first != 0:
            ids.slots[at, 0] = 0
            if _day_of(entry, ids.chunks) != NO_DAY:
                _put(places.slots, places.last, first, entry)
                used += 1
    ids.counters[USED] = used


@compiled
def mark(sieve: NDArray[np.int64], slots: NDArray[np.int64], chunks: NDArray[np.int64]) -> None:
    """Mark in a sieve what slots hold, but for entries of chunks that were dropped."""
    words, blocks, last = address_of(sieve), sieve.shape[0] // SIEVE_WORDS, slots.shape[0] - 1
    for at in range(slots.shape[0]):
        _fetch_block(words, blocks, slots[min(at + _AHEAD, last), 0])
        if slots[at, 0] != 0 and _day_of(slots[at, 1], chunks) != NO_DAY:
            _mark(words, blocks, slots[at, 0])


@compiled
def pack_chunk(entries: NDArray[np.int64], out: NDArray[np.uint8]) -> Whole:
    """Write entries column by column, each number less the least of its column in as few bytes as all of it take.

    Before them stand :data:`MAGIC`, how many there are (16 bits), and of each column its least number and the width in
    bytes (8 bits); equal numbers have width 0.

    Args:
        entries: the rows of a chunk.
        out: filled in; it must have :data:`HEADER_BYTES`, 8 bytes for each number, and 8 more.

    Returns:
        How many bytes were written.
    """
    base = address_of(out)
    store64(base, MAGIC | entries.shape[0] << 16)
    header, at = base + 4, base + HEADER_BYTES
    for column in range(entries.shape[1]):
        least, most = entries[0, column], entries[0, column]
        for row in range(entries.shape[0]):
            least, most = min(least, entries[row, column]), max(most, entries[row, column])
        span = np.uint64(most) - np.uint64(least)
        width = 0
        while width < 8 and span >> np.uint64(8 * width) != np.uint64(0):
            width += 1
        store64(header, least)
        store8(header + 8, width)
        header += COLUMN_BYTES
        if width > 0:
            for row in range(entries.shape[0]):
                store64(at, np.int64(np.uint64(entries[row, column]) - np.uint64(least)))
                at += width
    return at - base


@compiled
def unpack_chunk(data: NDArray[np.uint8], header: NDArray[np.int64], entries: NDArray[np.int64]) -> None:
    """Fill in the rows that :func:`pack_chunk` wrote; `data` has 8 bytes more than it wrote."""
    at = address_of(data)
    for column in range(entries.shape[1]):
        least, width = header[column, 0], header[column, 1]
        mask = np.uint64(0xFFFFFFFFFFFFFFFF)
        if width < 8:
            mask = (np.uint64(1) << np.uint64(8 * width)) - np.uint64(1)
        for row in range(entries.shape[0]):
            number = (load64(at) & mask) if width > 0 else np.uint64(0)
            entries[row, column] = np.int64(number + np.uint64(least))
            at += width
