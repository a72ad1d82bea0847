"""The book: State and what is produced are the same bytes, absolute, whatever is in memory."""

from hypothesis import given
from hypothesis import strategies as st

from billing.event import Reason
from billing.subtotal import Progress, decode_key, decode_sums
from billing.sums import TypeTable
from processor.book import PartitionBook, read_progress
from processor.fold import Fold
from tests.memory_store import MemoryStore

TYPES = TypeTable(["MISC"])


def one_event(customer: str, micros: int, hour_ms: int = 0, watermark_ms: int = 0) -> Fold:
    return Fold(
        watermark_ms,
        customers={("2017-02", customer): (micros, 1)},
        hours={hour_ms: (micros, 1)},
        accepted=(micros, 1),
    )


EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-(10**20), 10**20), st.booleans()), max_size=20)


@given(EVENTS, st.integers(0, 3))
def test_any_cut_into_commits_and_any_memory_gives_the_same_state(
    events: list[tuple[str, int, bool]], hot_entries: int
) -> None:
    """Commits, a table too small for memory and a takeover in between change no sum; State equals what was produced."""
    store = MemoryStore()
    produced: dict[bytes, bytes] = {}
    book = PartitionBook(3, Progress(), TYPES, hot_entries)
    for offset, (customer, micros, commits) in enumerate(events):
        book.add(one_event(customer, micros), offset + 1, 1_000, 1_000)
        if commits:
            produced.update(book.write(store, "a", 2_000))
            book = PartitionBook(3, read_progress(store, 3) or Progress(), TYPES, hot_entries)
    if book.is_dirty:
        produced.update(book.write(store, "a", 2_000))
    assert dict(store) == produced
    for customer in "abc":
        mine = [micros for name, micros, _ in events if name == customer]
        value = store.get(f"customer|3|2017-02|{customer}".encode())
        assert (decode_sums(value) if value else {}) == ({"MISC": (sum(mine), len(mine))} if mine else {})
    progress = read_progress(store, 3) or Progress()
    assert (progress.accepted, progress.accepted_micros) == (len(events), sum(micros for _, micros, _ in events))


def test_a_subtotal_in_memory_is_not_read_again() -> None:
    """State is read once per subtotal not in memory, and the progress record is produced last."""
    store = MemoryStore()
    book = PartitionBook(0, Progress(), TYPES, hot_entries=10)
    for _ in range(3):
        book.add(one_event("a", 1), 1, 1_000, 1_000)
        records = list(book.write(store, "a", 2_000))
    assert store.reads == 2
    assert [type(decode_key(key)).__name__ for key, _ in records] == ["CustomerMonthKey", "HourBlockKey", "ProgressKey"]
    assert book.hot_entries == 2


def test_progress_counts_what_was_folded() -> None:
    """Offset, watermark, counts by reason, and the record times of the newest commit alone."""
    store = MemoryStore()
    book = PartitionBook(0, Progress(next_offset=5, rejected={"malformed": 1}), TYPES, hot_entries=10)
    rejected = [Reason.MALFORMED, Reason.BAD_AMOUNT]
    fold = Fold(7_000, accepted=(3, 1), late=1, rejected=rejected)
    book.add(fold, next_offset=8, oldest_record_ms=1_000, newest_record_ms=3_000)
    book.add(Fold(7_000), next_offset=9, oldest_record_ms=4_000, newest_record_ms=4_000)
    assert not list(store)
    list(book.write(store, "me", now_ms=9_000))
    assert read_progress(store, 0) == Progress(
        next_offset=9,
        watermark_ms=7_000,
        accepted=1,
        accepted_micros=3,
        rejected={"malformed": 2, "bad_amount": 1},
        late=1,
        oldest_record_ms=1_000,
        newest_record_ms=4_000,
        committed_ms=9_000,
        instance="me",
    )
    assert not book.is_dirty
