"""The book: State and what is produced are the same bytes, absolute, whatever is in memory."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.event import EventRejectedError, EventRules, decode_event
from billing.money import MAX_AMOUNT_MICROS, format_micros
from billing.period import month_calendar
from billing.runtime.native.block import JoinedValues
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    HourKey,
    Progress,
    ProgressKey,
    SumsKey,
    TypeSums,
    decode_key,
    decode_progress,
    encode_changed,
    encode_key,
    encode_sums,
)
from billing.sums import TypeTable
from processor.book import PartitionBook, read_progress
from processor.fold import FoldRules
from processor.once import Once
from processor.reading import EventReader
from tests.examples import examples
from tests.memory_store import MemoryStore

NOW_MS = 1_490_000_000_000
RULES = FoldRules(EventRules(), month_calendar("Europe/Berlin"), 43_200_000)
PARTITION = 3
READER = EventReader(RULES.events)


def new_book(store: MemoryStore, types: TypeTable | None = None) -> PartitionBook:
    """The book of whoever takes the partition over."""
    return book_of(store, read_progress(store, PARTITION), types or TypeTable(RULES.events.types))


def book_of(store: MemoryStore, progress: Progress | None, types: TypeTable) -> PartitionBook:
    return PartitionBook(PARTITION, progress, RULES, types, Once(PARTITION, store, RULES.once, types))


def count(book: PartitionBook, payloads: Sequence[bytes], times_ms: tuple[int, int] = (1_000, 1_000)) -> None:
    records = JoinedValues(payloads)
    reading = READER.read(records, NOW_MS)
    book.count(reading, book.progress.next_offset + np.arange(len(payloads)), *times_ms)


def write(book: PartitionBook, store: MemoryStore) -> list[tuple[bytes, bytes]]:
    """Commit; return the records in their order."""
    return list(chain.from_iterable(zip(*changes, strict=True) for changes in book.write(store, "me", 9_000)))


def recount(payloads: Sequence[bytes]) -> dict[bytes, bytes]:
    """What State must hold, but for progress: counted one event after the other, encoded by the records' rules."""
    sums: dict[SumsKey, dict[str, tuple[int, int]]] = {}
    for payload in payloads:
        try:
            event = decode_event(payload, RULES.events, NOW_MS)
        except EventRejectedError:
            continue
        month = RULES.calendar.month_of(event.timestamp_ms)
        hour_ms = RULES.calendar.local.hour_start_ms(event.timestamp_ms)
        for key in (CustomerMonthKey(PARTITION, month, event.customer), HourKey(PARTITION, hour_ms)):
            total, number = sums.setdefault(key, {}).get(event.type, (0, 0))
            sums[key][event.type] = total + event.amount_micros, number + 1
    order = RULES.events.types.index
    ordered: dict[SumsKey, TypeSums] = {
        key: dict(sorted(types.items(), key=lambda item: order(item[0]))) for key, types in sums.items()
    }
    return dict(encode_changed(ordered, ordered))


EVENT = st.builds(
    lambda second, customer, micros, type_: f"{second},{customer},{format_micros(micros)},{type_}".encode(),
    st.sampled_from([1_480_000_000, 1_480_003_600, 1_482_000_000, 1_488_142_855]),
    st.sampled_from(["a", "b", "Zo\u00eb", "x" * 200, "\u5c71\u7530\u3000\u592a\u90ce"]),
    st.one_of(st.integers(-MAX_AMOUNT_MICROS, MAX_AMOUNT_MICROS), st.just(MAX_AMOUNT_MICROS), st.integers(-9, 9)),
    st.sampled_from(["MESSAGE", "call", "", "NONE"]),
)


@settings(max_examples=examples(200))
@given(
    st.lists(st.tuples(EVENT, st.sampled_from(["", "", "commit", "takeover"])), max_size=60),
    st.integers(0, 20),
)
def test_any_cut_into_commits_and_any_memory_gives_the_same_state(
    events: list[tuple[bytes, str]], hot_entries: int
) -> None:
    """Commits, a table too small for memory and takeovers change no sum, however large; State is what is produced."""
    store = MemoryStore()
    produced: dict[bytes, bytes] = {}
    book = new_book(store)
    for payload, then in events:
        count(book, [payload])
        if then:
            produced.update(write(book, store))
            if book.hot_entries > hot_entries:
                book.forget()
        if then == "takeover":
            book = new_book(store)
    if book.is_dirty:
        produced.update(write(book, store))
    assert dict(store) == produced
    payloads = [payload for payload, _ in events]
    progress = produced.pop(encode_key(ProgressKey(PARTITION)), None)
    assert produced == recount(payloads)
    if progress is not None:
        found = decode_progress(progress)
        accepted = [p for p in payloads if not p.endswith(b"NONE")]
        assert (found.accepted, found.rejected_total) == (len(accepted), len(payloads) - len(accepted))
        expected = sum(decode_event(p, RULES.events, NOW_MS).amount_micros for p in accepted)
        assert found.accepted_micros == expected


def test_many_customers_grow_the_table_and_stay_exact() -> None:
    """Rows, names and what is looked up by them are moved when room runs out; a commit takes them in parts."""
    store = MemoryStore()
    payloads = [f"148814{n % 7000:04d},customer {n},{n}.5,DATA".encode() for n in range(20_000)]
    book = new_book(store)
    for start in (0, 900, 12_000):
        count(book, payloads[start : {0: 900, 900: 12_000}.get(start)])
        if start == 900:
            write(book, store)
    write(book, store)
    del store[encode_key(ProgressKey(PARTITION))]
    assert dict(store) == recount(payloads)


def test_a_type_that_only_state_knows_is_kept() -> None:
    """A type that is no longer set stays in the sums, behind those that are."""
    store = MemoryStore()
    key = encode_key(CustomerMonthKey(PARTITION, "2017-02", "a"))
    store[key] = encode_sums({"FAX": (5, 1), "CALL": (7, 2)})
    store[encode_key(ProgressKey(PARTITION))] = b'{"v":3,"next_offset":3,"time_zone":"Europe/Berlin"}'
    book = new_book(store)
    for _ in range(2):
        count(book, [b"1488142855,a,1,CALL", b"1488142855,b,1"])
        write(book, store)
    assert store[key] == encode_sums({"CALL": (2_000_007, 4), "FAX": (5, 1)})


@pytest.mark.parametrize(("forgets", "reads"), [(False, 2), (True, 6)])
def test_a_subtotal_in_memory_is_not_read_again(forgets: bool, reads: int) -> None:
    """State is read once per subtotal not in memory, never while memory holds all; the progress record comes last."""
    store = MemoryStore()
    count(book := new_book(store), [b"1488142855,a,1"])
    write(book, store)
    write(book, store)
    types = TypeTable(RULES.events.types)
    book = book_of(store, Progress(time_zone="Europe/Berlin"), types)
    store.reads = 0
    for _ in range(3):
        count(book, [b"1488142855,a,1"])
        records = write(book, store)
        assert book.hot_entries == 2
        if forgets:
            book.forget()
    assert store.reads == reads
    assert [type(decode_key(key)) for key, _ in records] == [CustomerMonthKey, HourBlockKey, ProgressKey]


def test_state_that_begins_empty_is_not_read() -> None:
    """Memory holds all there is until it is dropped."""
    store = MemoryStore()
    book = new_book(store)
    store.reads = 0
    for second in (1_488_142_855, 1_480_000_000):
        count(book, [f"{second},a,1".encode()])
        write(book, store)
    assert store.reads == 0


def test_progress_counts_what_was_counted() -> None:
    """Offset, watermark, counts by reason, and the record times of the newest commit alone."""
    store = MemoryStore()
    store[encode_key(ProgressKey(PARTITION))] = (
        b'{"v":3,"next_offset":5,"rejected":{"malformed":1},"time_zone":"Europe/Berlin"}'
    )
    book = new_book(store)
    count(book, [b"1488142855,a,0.000003", b"x", b"1488142855,a,y"], (1_000, 3_000))
    count(book, [b"1388142855,a,1"], (4_000, 4_000))
    assert len(store) == 1
    write(book, store)
    assert read_progress(store, PARTITION) == Progress(
        next_offset=9,
        watermark_ms=1_488_142_855_000,
        accepted=2,
        accepted_micros=1_000_003,
        rejected={"malformed": 2, "bad_amount": 1},
        late=1,
        oldest_record_ms=1_000,
        newest_record_ms=4_000,
        committed_ms=9_000,
        instance="me",
        time_zone="Europe/Berlin",
    )
    assert not book.is_dirty
