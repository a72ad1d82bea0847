"""The events of benchmarks: what is written is what the truth has counted."""

import pytest

from benchmarks.packed import Packed
from benchmarks.shapes import CHUNK, EventMaker, Form, Names, Shape
from benchmarks.truth import HOUR_MS, InexactError, Totals, add_to, compare
from billing.event import EventRejectedError, EventRules, decode_event
from billing.period import month_calendar

SHAPES = [
    Shape("plain"),
    Shape("json", form=Form.JSON),
    Shape("ids", form=Form.CSV_WITH_ID),
    Shape("scripts", names=Names.ANY),
    Shape("malformed", malformed_share=0.1),
    Shape("unkeyed", keyed=False),
    Shape("few", customers=3, months=1, partitions=2),
    Shape("in order", months=1, in_order_over=3_000),
    Shape("repeated", form=Form.CSV_WITH_ID, in_order_over=9_000, repeated_share=0.2),
]
NOW_MS = 2_000_000_000_000


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_truth_is_what_the_rules_make_of_the_lines(shape: Shape) -> None:
    """Decoded one by one, the lines add up to it, rejected ones included."""
    maker, calendar, rules = EventMaker(shape), month_calendar("UTC"), EventRules()
    found: Totals = {}
    rejected = duplicates = 0
    seen = set()
    for chunk in maker.chunks(3_000):
        for row in range(len(chunk.payloads)):
            try:
                event = decode_event(chunk.payloads.at(row), rules, NOW_MS)
            except EventRejectedError:
                rejected += 1
                continue
            if event.id and event.id in seen:
                duplicates += 1
                continue
            seen.add(event.id)
            time_ms = event.timestamp_ms
            add_to(found, ((calendar.month_of(time_ms), event.customer), event.type), event.amount_micros, 1)
            add_to(found, (time_ms - time_ms % HOUR_MS, event.type), event.amount_micros, 1)
            if chunk.keys is not None:
                assert chunk.keys.at(row).decode() == event.customer
    assert found == maker.truth.totals()
    assert rejected == maker.truth.rejected
    assert rejected == 0 or shape.malformed_share > 0
    assert duplicates == maker.truth.duplicates
    assert (duplicates > 400) == (shape.repeated_share > 0)
    assert maker.truth.accepted + rejected + duplicates == 3_000


def test_a_customer_with_keys_is_in_one_partition() -> None:
    """Without keys the partitions take turns."""
    keyed = EventMaker(Shape("keyed", customers=8)).make(1_000)
    assert keyed.keys is not None
    of: dict[bytes, set[int]] = {}
    for row, partition in enumerate(keyed.partitions.tolist()):
        of.setdefault(keyed.keys.at(row), set()).add(partition)
    assert all(len(partitions) == 1 for partitions in of.values())
    unkeyed = EventMaker(Shape("unkeyed", keyed=False)).make(8)
    assert unkeyed.keys is None
    assert unkeyed.partitions.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_the_same_shape_makes_the_same_events() -> None:
    """Also over several chunks."""
    first, second = EventMaker(Shape("a")), EventMaker(Shape("b"))
    for one, other in zip(first.chunks(CHUNK + 5), second.chunks(CHUNK + 5), strict=True):
        assert one.payloads.data.tobytes() == other.payloads.data.tobytes()
    assert first.truth.totals() == second.truth.totals()


def test_packed_strings_come_out_as_they_went_in() -> None:
    """Empty ones too."""
    strings = [b"one", b"", "zwölf".encode()]
    packed = Packed.of(strings)
    assert [packed.at(row) for row in range(len(packed))] == strings
    assert packed[1:].at(1) == strings[2]


def test_a_difference_is_an_error() -> None:
    """The comparison can fail."""
    compare({"a": 1}, {"a": 1}, "totals")
    with pytest.raises(InexactError, match="totals"):
        compare({"a": 1}, {"a": 2}, "totals")
