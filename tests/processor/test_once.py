"""Ids, voids and replacements: the processor agrees with the plain model, whatever is in memory and however cut."""

import errno
import json
import tempfile
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.event import BillableEvent, EventRules, Reason, Void
from billing.money import format_micros
from billing.period import month_calendar
from billing.runtime.native.block import JoinedValues
from billing.runtime.native.pages import zeros
from billing.subtotal import CustomerMonthKey, ProgressKey, decode_key, decode_progress, decode_sums, encode_key
from billing.sums import TypeTable
from processor import id_table, once
from processor.book import PartitionBook, read_progress
from processor.fold import Fold, FoldRules
from processor.id_chunks import chunk_key, chunk_keys, decode_chunk, decode_known, known_key
from processor.id_table import IdLimits, IdTable
from processor.kernel import ids as kernel_ids
from processor.kernel.ids import (
    CHUNK,
    CHUNK_COUNT,
    CHUNK_PLACE,
    DAY_MS,
    ENTRY_STATE,
    HASH_A,
    SHORT_BITS,
    VOIDED,
    enter_chunk,
    find_entry,
    may_have_sunk,
)
from processor.once import Once, OnceRules
from processor.reading import EventReader
from tests.examples import examples
from tests.memory_store import MemoryStore
from tests.once_model import Outcome, PartitionModel, Record

START_MS = 1_600_000_000_000 - 1_600_000_000_000 % DAY_MS
NOW_MS = START_MS + 3_650 * DAY_MS
EVENTS = EventRules()
CALENDAR = month_calendar("Europe/Berlin")
READER = EventReader(EVENTS)
PARTITION = 3
# One chunk at hand, and a table of the least size.
NARROW = IdLimits(table_bytes=1, cache_bytes=1)


def payload_of(record: Record, as_json: bool) -> bytes:
    """A record as senders write it."""
    if isinstance(record, Void):
        return json.dumps({"void": record.target, "customer": record.customer, "id": record.id}).encode()
    amount = format_micros(record.amount_micros)
    if not as_json and not record.replaces:
        return f"{record.timestamp_ms},{record.customer},{amount},{record.type},{record.id}".encode()
    fields = {"timestamp": record.timestamp_ms, "customer": record.customer, "amount": amount, "type": record.type}
    return json.dumps({**fields, "id": record.id, "replace": record.replaces}).encode()


class Counted:
    """A partition as the processor counts it.

    Args:
        window_days: the days in which an id counts once.
        keep_duplicates: whether duplicates are handed on.
        types: the types that are configured.
        limits: of the memory.
    """

    def __init__(
        self,
        window_days: int,
        keep_duplicates: bool = False,
        types: tuple[str, ...] = EVENTS.types,
        limits: IdLimits = NARROW,
    ) -> None:
        rules = OnceRules(window_days, keep_duplicates, limits)
        self.rules = FoldRules(EventRules(types=types), CALENDAR, 0, rules)
        self.store = MemoryStore()
        self.reader = EventReader(self.rules.events)
        self.take_over()

    def take_over(self, types: tuple[str, ...] | None = None) -> None:
        """Begin again with what State holds."""
        if types is not None:
            self.rules = FoldRules(EventRules(types=types), CALENDAR, 0, self.rules.once)
            self.reader = EventReader(self.rules.events)
        slots = TypeTable(self.rules.events.types)
        known = Once(PARTITION, self.store, self.rules.once, slots)
        self.book = PartitionBook(PARTITION, read_progress(self.store, PARTITION), self.rules, slots, known)

    def count(self, payloads: Sequence[bytes]) -> Fold:
        """Count records that come at once."""
        records = JoinedValues(payloads)
        offsets = self.book.progress.next_offset + np.arange(len(payloads))
        return self.book.count(self.reader.read(records, NOW_MS), offsets, 0, 0)

    def commit(self) -> None:
        """Write all that is pending."""
        for _ in self.book.write(self.store, "me", 0):
            pass

    def sums(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """What State holds, by month, customer and type."""
        found: dict[tuple[str, str, str], tuple[int, int]] = {}
        for key, value in self.store.items():
            if key.startswith(b"customer|"):
                of = decode_key(key)
                assert isinstance(of, CustomerMonthKey)
                found |= {(of.month, of.customer, type_): sums for type_, sums in decode_sums(value).items()}
        return found


def sums_of(events: Sequence[BillableEvent]) -> dict[tuple[str, str, str], tuple[int, int]]:
    """What events add up to, by month, customer and type."""
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for event in events:
        key = CALENDAR.month_of(event.timestamp_ms), event.customer, event.type
        total, count = found.get(key, (0, 0))
        found[key] = total + event.amount_micros, count + 1
    return found


ids = st.sampled_from(["", "a", "b", "c", "d", "ä", "a long id of more than sixteen bytes"])
named = st.sampled_from(["a", "b", "c", "d", "ä", "a long id of more than sixteen bytes"])
customers = st.sampled_from(["Anna", "Bob", "株式会社"])
times = st.one_of(
    st.integers(0, 8 * DAY_MS),
    st.builds(lambda day, ms: day * DAY_MS + ms, st.integers(1, 8), st.sampled_from([-1, 0, 1])),
).map(lambda ms: START_MS + ms)
events = st.builds(
    BillableEvent,
    timestamp_ms=times,
    customer=customers,
    amount_micros=st.sampled_from([1, -5, 10**18 - 1, 7_000_000]),
    type=st.sampled_from(["CALL", "MISC"]),
    id=ids,
    replaces=st.one_of(st.just(""), st.just(""), named),
)
records = st.one_of(events, events, st.builds(Void, customers, named, ids))


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """Records, some of which come again."""
    found: list[Record] = []
    for _ in range(draw(st.integers(1, 40))):
        again = bool(found) and draw(st.integers(0, 3)) == 0
        found.append(draw(st.sampled_from(found)) if again else draw(records))
    return found


def check(outcomes: Sequence[Outcome], fold: Fold, first: int) -> None:
    """What a fold rejects is what the model says, with the offset of the first."""
    rejected = {one.position: one for one in fold.rejections}
    for index, outcome in enumerate(outcomes[first : first + len(outcomes)]):
        said = rejected.get(index)
        assert (said.reason if said else None) == outcome.reason
        if said is not None and outcome.first_offset >= 0:
            assert said.detail.endswith(f"offset {outcome.first_offset}")


@settings(max_examples=examples(150))
@given(
    histories(),
    st.sampled_from([0, 1, 3, 35]),
    st.lists(st.integers(0, 40), max_size=4),
    st.lists(st.sampled_from(["commit", "forget", "take over", "lose"]), min_size=5, max_size=5),
    st.booleans(),
    st.sampled_from([-1, ~0xFFFF_FFFF, ~0x7FF_FFFF_FFFF]),
    st.sampled_from([1 << SHORT_BITS, 4]),
)
def test_the_model_is_agreed_with(
    history: list[Record],
    window_days: int,
    cuts: list[int],
    between: list[str],
    as_json: bool,
    hash_mask: int,
    most_shorts: int,
) -> None:
    """To the micro and to the count, over commits, restarts and what is read again after a death.

    Also where hashes agree in all that the table holds of them, and where it can tell of few chunks.
    """
    with pytest.MonkeyPatch.context() as patch:
        spoil_hashes(patch, hash_mask)
        patch.setattr(id_table, "_MOST_SHORTS", most_shorts)
        agree_with_the_model(history, window_days, cuts, between, as_json)


def spoil_hashes(patch: pytest.MonkeyPatch, mask: int) -> None:
    """Take bits out of the first halves of hashes, of which the table holds the low ones."""

    def hash_ids(rows: np.ndarray, seeds: np.ndarray, hashes: np.ndarray) -> int:
        found = kernel_ids.hash_ids(rows, seeds, hashes)
        with_id = hashes[:, 0] != 0
        hashes[with_id, 0] = hashes[with_id, 0] & mask | 1
        return int(found)

    def hash_texts(*arguments: np.ndarray) -> None:
        kernel_ids.hash_texts(*arguments)
        arguments[-1][:, 0] = arguments[-1][:, 0] & mask | 1

    patch.setattr(once, "hash_ids", hash_ids)
    patch.setattr(once, "hash_texts", hash_texts)


def agree_with_the_model(
    history: list[Record], window_days: int, cuts: list[int], between: list[str], as_json: bool
) -> None:
    """Count a history, and have the model decide it."""
    model, counted = PartitionModel(window_days), Counted(window_days, keep_duplicates=True)
    outcomes = [model.decide(offset, record) for offset, record in enumerate(history)]
    payloads = [payload_of(record, as_json) for record in history]
    places = sorted({0, len(history), *(cut for cut in cuts if cut < len(history))})
    for (start, end), then in zip(pairwise(places), between, strict=False):
        check(outcomes[start:end], counted.count(payloads[start:end]), 0)
        if then == "lose":
            counted.take_over()
            done = counted.book.progress.next_offset
            check(outcomes[done:end], counted.count(payloads[done:end]), 0)
        counted.commit()
        if then == "forget":
            counted.book.forget()
        if then == "take over":
            counted.take_over()
    progress = decode_progress(counted.store[encode_key(ProgressKey(PARTITION))])
    assert (progress.accepted, progress.accepted_micros) == (model.accepted, model.accepted_micros)
    assert (progress.voids, progress.replaces, progress.duplicates) == (model.voids, model.replaces, model.duplicates)
    assert progress.rejected == {reason.value: count for reason, count in model.rejected.items()}
    assert progress.watermark_ms == model.watermark_ms
    assert progress.consumed == len(history) == progress.next_offset
    assert progress.events == len(model.billed)
    assert counted.sums() == sums_of(model.billed)


def csv(count: int, day: int = 0, first: int = 0) -> list[bytes]:
    """So many events of a day, each with an id of its own."""
    start = START_MS + day * DAY_MS
    return [b"%d,Anna,1,CALL,%d-%d" % (start + n, day, n) for n in range(first, first + count)]


def test_many_ids_of_many_days_in_little_memory() -> None:
    """Chunks are full but for the last of a day; all are found again, also when few are at hand; days go whole."""
    counted = Counted(3)
    count = 2 * CHUNK + 5
    for day in range(3):
        counted.count(csv(count, day))
        counted.commit()
    known = decode_known(counted.store[known_key(PARTITION)])
    first = START_MS // DAY_MS
    assert known.days == {first: count, first + 1: count, first + 2: count}
    assert counted.count(csv(count, 0)[::-1] + csv(count, 1)).duplicates == 2 * count
    counted.take_over()
    assert counted.book.ids == 3 * count
    assert counted.book.ids_disk_bytes >= 8 * 2 * count
    assert counted.count(csv(count, 2) + csv(count, 0)).duplicates == 2 * count
    counted.count(csv(1, 5))
    counted.commit()
    known = decode_known(counted.store[known_key(PARTITION)])
    assert known.days == {first + 2: count, first + 5: 1}
    assert chunk_key(PARTITION, first, 0) not in counted.store
    assert chunk_key(PARTITION, first + 2, 2) in counted.store
    assert len([key for key in counted.store if key.startswith(b"ids|")]) == 1 + 3 + 1
    fold = counted.count(csv(1, 0))
    assert [one.reason for one in fold.rejections] == [Reason.TOO_OLD]


def test_memory_stays_level_after_the_window() -> None:
    """Ids come for many times the window: State, and what is in memory, do not grow any more."""
    counted = Counted(5)
    sizes = []
    for day in range(60):
        counted.count(csv(700, day))
        counted.commit()
        ids = [len(value) for key, value in counted.store.items() if key.startswith(b"ids|")]
        sizes.append((len(ids), sum(ids) // 1_000, counted.book.ids, counted.book.ids_memory_bytes))
    assert len(set(sizes[20:])) <= 2
    assert sizes[-1][2] == 6 * 700


def test_types_that_change_places_or_go() -> None:
    """Entries name types by their own list: whatever the settings say now, an event is the same, and can be voided."""
    counted = Counted(35, types=("CALL", "DATA", "MISC"))
    event = b"%d,Anna,5,DATA,x" % START_MS
    counted.count([event, b"%d,Anna,3,CALL,y" % START_MS])
    counted.commit()
    counted.take_over(types=("MISC", "FAX", "DATA"))
    assert counted.count([event]).duplicates == 1
    counted.count([b"%d,Anna,5,FAX,z" % START_MS, b'{"void":"y","customer":"Anna"}'])
    counted.commit()
    month = CALENDAR.month_of(START_MS)
    assert counted.sums() == {(month, "Anna", "DATA"): (5_000_000, 1), (month, "Anna", "FAX"): (5_000_000, 1)}
    counted.take_over(types=("CALL", "FAX", "MISC"))
    fold = counted.count([b"%d,Anna,5,FAX,z" % START_MS, b"%d,Anna,3,CALL,y" % START_MS])
    assert fold.duplicates == 2
    counted.count([b'{"void":"x","customer":"Anna"}', b'{"void":"z","customer":"Anna"}'])
    counted.commit()
    assert counted.sums() == {}


def test_a_hash_that_collides_is_looked_at_whole() -> None:
    """Ids whose hashes agree in what the table holds are not one: the whole hash lies with the content.

    The content of each lies elsewhere on disk, and one chunk is at hand: looking at all of them comes to an end.
    """
    counted = Counted(35)
    table = counted.book._once._table
    hashes = [(1 + (high << 43), second) for high in range(3) for second in (5, 6)]
    for day, (first, second) in enumerate(hashes):
        table.add(START_MS + day * DAY_MS, (first, second, START_MS + day, 0, 0, day, 0, 0))
    for _ in range(2):
        for day, (first, second) in enumerate(hashes):
            found = table.find(first, second, 0)
            assert found is not None
            assert found[1][2] == START_MS + day
        assert table.find(1, 7, 0) is None
        assert table.find(1, 5, START_MS + DAY_MS) is None
        for key, value in table.changes():
            counted.store.set_all([key], [value])
        table.written()


def test_a_table_tells_of_few_chunks_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has no number for sinks; days that were dropped leave theirs to others, and nothing sinks."""
    monkeypatch.setattr(id_table, "_MOST_SHORTS", 16)
    table = IdTable(PARTITION, lambda keys: [None] * len(keys), IdLimits(cache_bytes=1 << 30), None)
    hashes = np.random.default_rng(3).integers(1, 2**62, (200, 2)).tolist()
    for day, (first, second) in enumerate(hashes[:100]):
        table.add(day * DAY_MS, (first, second, day, 0, 0, day, 0, 0))
        table.drop((day - 4) * DAY_MS)
    assert table.disk_bytes == 0
    for day, (first, second) in enumerate(hashes[100:], 100):
        table.add(day * DAY_MS, (first, second, day, 0, 0, day, 0, 0))
    assert table.disk_bytes > 0
    found = [table.find(first, second, 0) for first, second in hashes]
    assert [None if one is None else int(one[1][2]) for one in found] == [None] * 95 + [*range(95, 200)]


@pytest.mark.parametrize("keep", [False, True])
def test_duplicates_are_kept_where_that_is_asked_for(keep: bool) -> None:
    """They are no rejections: neither progress nor the metrics count them as such."""
    counted = Counted(35, keep_duplicates=keep)
    event = b'{"timestamp":%d,"customer":"Anna","amount":"1.5","id":7}' % START_MS
    fold = counted.count([event, b"%d,Anna,1.50,,7" % START_MS, b"%d,Anna,1.51,,7" % START_MS])
    reasons = [Reason.DUPLICATE, Reason.ID_CONFLICT] if keep else [Reason.ID_CONFLICT]
    assert [one.reason for one in fold.rejections] == reasons
    assert fold.duplicates == 1
    assert counted.book.progress.rejected == {"id_conflict": 1}


def test_what_sinks_to_disk_is_found_and_what_is_not_there_is_not() -> None:
    """The sieve lets all through that have sunk, and few others; it takes little memory, and dropped days go."""
    table = IdTable(PARTITION, lambda _: [], IdLimits(table_bytes=1 << 19, cache_bytes=1), None)
    draw = np.random.default_rng(7)
    hashes = draw.integers(1, 2**62, (200 * CHUNK, 2))
    for number, part in enumerate(np.split(hashes, 200)):
        table.make_room(CHUNK)
        table.release()
        table.open_chunk(number // 100 * DAY_MS)
        table.arrays.chunks[number, CHUNK_COUNT] = CHUNK
        table.arrays.pool[:CHUNK] = 0
        enter_all(table, part, number // 100)
        table.arrays.chunks[number, CHUNK_PLACE] = -1
    assert table.disk_bytes > 0
    assert table.memory_bytes < len(hashes) * 8
    where = [find_entry(table.arrays, first, second, -1) for first, second in hashes[::97].tolist()]
    assert where == [(index // CHUNK, -2) for index in range(0, len(hashes), 97)]
    others = draw.integers(2**62, 2**63 - 1, (20_000, 2))
    assert {find_entry(table.arrays, first, second, -1) for first, second in others.tolist()} == {(-1, -1)}
    assert may_have_sunk_share(table, others) < 0.03
    disk_bytes = table.disk_bytes
    table.drop(DAY_MS)
    assert table.disk_bytes < disk_bytes
    kept = [find_entry(table.arrays, first, second, -1)[1] for first, second in hashes[100 * CHUNK :: 97].tolist()]
    assert set(kept) == {-2}
    table.make_room(10**6)
    table.drop(2 * DAY_MS)
    assert (table.disk_bytes, len(table.arrays.sieve)) == (0, 0)


def test_what_has_sunk_is_not_written_again() -> None:
    """A table that sinks joins those that have sunk; the sieve alone is made anew, and seldom."""
    table = IdTable(PARTITION, lambda _: [], IdLimits(table_bytes=1 << 13, cache_bytes=1), None)
    draw = np.random.default_rng(11)
    hashes = draw.integers(1, 2**62, (64 * CHUNK, 2))
    sieves: set[int] = set()
    places: list[int] = []
    for number, part in enumerate(np.split(hashes, 64)):
        table.make_room(CHUNK)
        assert [place for place in places if place not in table.arrays.segments[:, 0].tolist()] == []
        places = table.arrays.segments[:, 0].tolist()
        sieves.add(len(table.arrays.sieve))
        chunk = table._add_chunk(number // 8)
        table.arrays.chunks[chunk, CHUNK_COUNT] = CHUNK
        enter_all(table, part, number // 8)
    assert len(places) == 63
    assert 3 <= len(sieves) <= 9
    where = [find_entry(table.arrays, first, second, -1)[0] for first, second in hashes.tolist()]
    assert where == [index // CHUNK for index in range(len(hashes))]
    table.drop(4 * DAY_MS)
    assert len(table.arrays.segments) == 31
    where = [find_entry(table.arrays, first, second, -1)[1] for first, second in hashes.tolist()]
    assert where == [-1] * (32 * CHUNK) + [-2] * (32 * CHUNK)


@pytest.mark.parametrize("promised", [True, False])
def test_a_table_grows_whatever_memory_is_promised(monkeypatch: pytest.MonkeyPatch, promised: bool) -> None:
    """In its place, or where the system reserves nothing, by being copied; with days that were dropped or without."""
    refused: list[int] = []

    def sparing(*shape: int) -> np.ndarray:
        if shape[0] > 1 << 20 and not promised:
            refused.append(shape[0])
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return zeros(*shape)

    monkeypatch.setattr(id_table, "zeros", sparing)
    table = IdTable(PARTITION, lambda keys: [None] * len(keys), IdLimits(cache_bytes=1 << 30), None)
    assert len(refused) == (not promised)
    hashes = np.random.default_rng(5).integers(1, 2**62, (9 * CHUNK, 2)).tolist()
    for number, (first, second) in enumerate(hashes):
        table.add(number // CHUNK * DAY_MS, (first, second, number, 0, 0, number, 0, 0))
        if number == 5 * CHUNK:
            table.drop(2 * DAY_MS)
    assert len(table) == 7 * CHUNK
    found = [table.find(first, second, 0) for first, second in hashes]
    assert [None if one is None else int(one[1][2]) for one in found] == [None] * 2 * CHUNK + [
        *range(2 * CHUNK, 9 * CHUNK)
    ]


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written raises an error; it does not end the process at some later access."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    table = IdTable(PARTITION, lambda _: [], IdLimits(table_bytes=1 << 13, cache_bytes=1), None)
    table.add(0, (1, 2, 0, 0, 0, 0, 0, 0))
    with pytest.raises(OSError, match="No space left"):
        table.make_room(CHUNK * 4)


def test_a_full_chunk_that_left_memory_is_found_and_voided_before_it_is_written() -> None:
    """It is packed as it will be written; whoever changes it afterwards has it packed again."""
    written: dict[bytes, bytes] = {}

    def fetch(keys: Sequence[bytes]) -> list[bytes | None]:
        return [written.get(key) for key in keys]

    table = IdTable(PARTITION, fetch, IdLimits(cache_bytes=1), None)
    count = 5 * CHUNK + 3
    for number in range(count):
        table.add(START_MS, (number + 1, -number, START_MS + number, number * 7, number % 3, number, 0, 0))
    assert table.arrays.pool.nbytes <= 4 * CHUNK * 64
    for number in (0, CHUNK - 1, 3 * CHUNK + 8, count - 1):
        found = table.find(number + 1, -number, 0)
        assert found is not None
        assert found[1].tolist() == [number + 1, -number, START_MS + number, number * 7, number % 3, number, 0, 0]
        table.void(*found)
    written.update(table.changes())
    table.written()
    assert not list(table.changes())
    keys = chunk_keys(PARTITION, START_MS // DAY_MS, count)
    entries = np.concatenate([decode_chunk(written[key]) for key in keys], axis=1)
    assert np.flatnonzero(entries[ENTRY_STATE] == VOIDED).tolist() == [0, CHUNK - 1, 3 * CHUNK + 8, count - 1]
    assert entries[HASH_A].tolist() == list(range(1, count + 1))
    again = IdTable(PARTITION, fetch, IdLimits(cache_bytes=1), None)
    again.restore(table.days)
    found = again.find(CHUNK, 1 - CHUNK, 0)
    assert found is not None
    assert found[1][ENTRY_STATE] == VOIDED


def enter_all(table: IdTable, hashes: np.ndarray, day: int) -> None:
    """Have a table tell of the entries of the last chunk of a day."""
    _, short = table._tail_of(day * DAY_MS)
    enter_chunk(table.arrays, np.ascontiguousarray(hashes[:, 0]), short, 0)


def may_have_sunk_share(table: IdTable, hashes: np.ndarray) -> float:
    """The share of hashes that the sieve lets through."""
    passed = [may_have_sunk(table.arrays, first) for first in hashes[:, 0].tolist()]
    return sum(passed) / len(passed)
