"""A recount agrees with the plain model of ids, voids and replacements, and leaves adjustments out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.event import BillableEvent, EventRules
from billing.period import month_calendar
from billing.runtime.native.block import Headers
from processor.fold import FoldRules
from processor.id_table import IdLimits
from processor.once import OnceRules
from qb.replay import recount as recount_module
from qb.replay.adjustment import Adjustment, Place, encode_adjustment
from qb.replay.difference import CustomerSums, Recounted
from qb.replay.issued import Issued
from qb.replay.months import Concerned, concerned_by
from qb.replay.recount import Recount
from qb.replay.rejected import BY_CLOCK, FOR_THEMSELVES, RejectedPlaces
from qb.replay.scratch_store import scratch_store
from tests.examples import examples
from tests.explain.made_up import MadeUpBlock, payload
from tests.memory_store import MemoryStore
from tests.once_histories import START_MS, Sent, histories, payload_of
from tests.once_model import DAY_MS, OnceModel

WINDOW_DAYS = 2
NOW_MS = START_MS + 3_650 * DAY_MS
TOPIC = "incoming"
EVENTS = EventRules()
PLACE = Place("Zoe", "2017-03", "rules", "CALL")

Totals = dict[tuple[str, str], tuple[int, int]]


def concerned(month: str = "2017-03") -> Concerned:
    return concerned_by(month, month_calendar("UTC"), month_calendar("Europe/Berlin"))


def rules(cache_bytes: int = 1) -> FoldRules:
    return FoldRules(
        EVENTS, month_calendar("Europe/Berlin"), 0, OnceRules(WINDOW_DAYS, limits=IdLimits(cache_bytes=cache_bytes))
    )


def totals(sums: CustomerSums) -> Totals:
    """Micros and events by customer and type, without those that have no event."""
    return {(name, type_): amount for name in sums.customers() for type_, amount in sums.of(name).items() if amount[1]}


def expected(events: Iterable[BillableEvent], start_ms: int, end_ms: int) -> Totals:
    found: Totals = {}
    for event in events:
        if start_ms <= event.timestamp_ms < end_ms:
            micros, count = found.get((event.customer, event.type), (0, 0))
            found[event.customer, event.type] = micros + event.amount_micros, count + 1
    return found


def blocks(values: Sequence[tuple[int, bytes]], cuts: Sequence[int]) -> Iterator[MadeUpBlock]:
    """Yield records, of input partitions, cut into blocks; each partition's offsets begin at 0."""
    next_offsets: dict[int, int] = {}
    offsets = []
    for partition, _ in values:
        offsets.append(next_offsets.get(partition, 0))
        next_offsets[partition] = offsets[-1] + 1
    edges = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    for start, end in pairwise(edges):
        partitions = [partition for partition, _ in values[start:end]]
        yield MadeUpBlock([value for _, value in values[start:end]], partitions, offsets[start:end])


def nothing_rejected() -> RejectedPlaces:
    return RejectedPlaces(EVENTS, TOPIC, FOR_THEMSELVES)


@pytest.fixture(autouse=True, scope="module")
def often_written() -> Iterator[None]:
    """Ids go to the scratch folder all the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recount_module, "RECORDS_BETWEEN_WRITES", 3)
        yield


@settings(max_examples=examples(60))
@given(histories(WINDOW_DAYS), st.lists(st.integers(0, 50), max_size=4))
def test_what_counts_is_what_the_model_says(history: list[Sent], cuts: list[int]) -> None:
    """To the micro and to the event, in the month and at both of its edges, however cut into blocks."""
    model, next_offsets = OnceModel(WINDOW_DAYS), dict[int, int]()
    for sent in history:
        offset = next_offsets.get(sent.partition, 0)
        next_offsets[sent.partition] = offset + 1
        model.decide(sent.partition, offset, sent.record)
    values = [(sent.partition, payload_of(sent.record, index)) for index, sent in enumerate(history)]
    found, of = recounted(values, cuts, next_offsets), concerned()
    assert totals(found.month) == expected(model.billed, of.start_ms, of.end_ms)
    for edge, moved in zip(of.edges, found.moved, strict=True):
        assert totals(moved) == expected(model.billed, edge.start_ms, edge.end_ms)


def recounted(
    values: Sequence[tuple[int, bytes]],
    cuts: Sequence[int],
    ends: Mapping[int, int],
    rejected: RejectedPlaces | None = None,
) -> Recounted:
    with scratch_store() as store:
        recount = Recount(rules(), concerned(), ends, rejected or nothing_rejected(), store, NOW_MS)
        for block in blocks(values, cuts):
            for records in block.by_partition():
                recount.count(records)
        return recount.found()


def event(moment_ms: int, micros: int, id_: str = "") -> bytes:
    return payload(BillableEvent(START_MS + moment_ms, "Zoe", micros, "CALL", id_))


def adjustment(number: int, micros: int, with_id: bool = True, moment_ms: int = DAY_MS) -> bytes:
    return encode_adjustment(Adjustment(PLACE, number, micros), START_MS + moment_ms, with_id)[1]


def issued_by(issued: Issued) -> tuple[int, int, int]:
    """What is issued, what of it is pending, and the newest number."""
    return issued.micros(PLACE), issued.pending_micros("Zoe", "CALL"), issued.last_number(PLACE)


@pytest.mark.parametrize("with_id", [True, False])
def test_adjustments_are_no_usage(with_id: bool) -> None:
    """They are taken down instead, also beyond the offset up to which is counted; ordinary events there are not."""
    values = [event(0, 5), adjustment(1, 7, with_id), event(1, 1), adjustment(2, -2, with_id), event(2, 100)]
    found = recounted([(0, value) for value in values], [2], {0: 3})
    assert totals(found.month) == {("Zoe", "CALL"): (6, 2)}
    assert issued_by(found.issued) == (5, -2, 2)


def test_an_adjustment_that_repeats_another_is_one() -> None:
    """The same content is a duplicate, other content a conflict: neither counts."""
    values = [adjustment(1, 7), adjustment(1, 7), adjustment(1, 8), event(DAY_MS, 1)]
    found = recounted([(0, value) for value in values], [1], {0: 4})
    assert totals(found.month) == {("Zoe", "CALL"): (1, 1)}
    assert issued_by(found.issued) == (7, 0, 1)


def test_an_adjustment_that_was_too_old_is_not_issued_yet() -> None:
    """It was rejected, so the next one gets another number."""
    values = [event(10 * DAY_MS, 1), adjustment(1, 7), adjustment(2, 7, with_id=False)]
    found = recounted([(0, value) for value in values], [], {0: 3})
    assert issued_by(found.issued) == (7, 0, 2)


@pytest.mark.parametrize(
    ("reason", "reasons", "stays"),
    [
        ("future_timestamp", FOR_THEMSELVES, True),
        ("future_timestamp", BY_CLOCK, True),
        ("unknown_type", FOR_THEMSELVES, True),
        ("unknown_type", BY_CLOCK, False),
        ("id_conflict", FOR_THEMSELVES, False),
        ("unknown_id", FOR_THEMSELVES, False),
    ],
)
def test_what_was_rejected_stays_so(reason: str, reasons: frozenset[str], stays: bool) -> None:
    """Unless somebody vouches for it; by the clock always, and what ids decide is decided anew."""
    lost, other = event(0, 5), event(2, 7)
    headers: Headers = [
        ("source-topic", TOPIC.encode()), ("source-partition", b"1"), ("source-offset", b"1"),
        ("reason", reason.encode()),
    ]  # fmt: skip
    elsewhere: Headers = [("source-topic", b"other"), *headers[1:3], ("reason", b"future_timestamp")]
    places = RejectedPlaces(EVENTS, TOPIC, reasons)
    places.read(MadeUpBlock([lost, other], [0, 0], [0, 1], {0: headers, 1: elsewhere}), NOW_MS)
    found = recounted([(1, event(1, 6)), (1, lost), (0, other), (0, other)], [], {0: 2, 1: 2}, places)
    assert totals(found.month) == {("Zoe", "CALL"): (20, 3) if stays else (25, 4)}


def test_the_scratch_store_is_a_store() -> None:
    """As the one in memory that tests use."""
    with scratch_store() as store:
        plain = MemoryStore()
        for one in (store, plain):
            one.set_all([b"a", b"b", b"c"], [b"1", b"", b"3"])
            one.set_all([b"a"], [b"2"])
            one.delete_all([b"c", b"d"])
        keys = [b"a", b"b", b"c", b"d"]
        assert store.get_committed(keys) == plain.get_committed(keys) == [b"2", b"", None, None]
