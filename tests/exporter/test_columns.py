"""The read model in columns says what the plain one says, whatever records come and in whatever form."""

import json
import random
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.runtime.topic_reader import Record
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    Progress,
    ProgressKey,
    encode_hours,
    encode_key,
    encode_progress,
    encode_sums,
)
from billing.sums import Sums, of_slot
from exporter.model.read_model import ReadModel
from exporter.model.view import Sort, View
from tests.examples import examples
from tests.exporter.plain_model import PlainModel
from tests.exporter.world import ManualClock

TYPES = ("CALL", "DATA")
NAMES = ["a", "b", "c|d", "é", "Zoë 日本", "", "a" * 40, "customer-1", "customer-2", "customer-22", "\x7f"]
MONTHS = ["2017-01", "2017-02", "odd"]
LARGE = [2**31, 2**32 - 1, 2**32, 10**18 - 1, 10**18, 2**63 - 1, 2**63, 2**64, -(2**63), -(10**18), 10**30]

micros = st.integers(-5, 5) | st.sampled_from(LARGE)
counts = st.integers(-1, 3) | st.sampled_from(LARGE)
sums_by_type = st.dictionaries(st.sampled_from([*TYPES, "NEW", "É", 'a"b']), st.tuples(micros, counts), max_size=3)
plain_sums = st.dictionaries(st.sampled_from(TYPES), st.tuples(st.integers(-5, 5), st.integers(1, 3)), min_size=1)


@st.composite
def customer_records(draw: st.DrawFn) -> tuple[bytes, bytes | None]:
    key = CustomerMonthKey(draw(st.integers(0, 2)), draw(st.sampled_from(MONTHS)), draw(st.sampled_from(NAMES)))
    value = draw(st.one_of(plain_sums.map(encode_sums), sums_by_type.map(_any_form), st.none()))
    return encode_key(key), value


@st.composite
def hour_records(draw: st.DrawFn) -> tuple[bytes, bytes | None]:
    hours = st.dictionaries(st.sampled_from([0, 3_600]), plain_sums, max_size=2)
    return encode_key(HourBlockKey(draw(st.integers(0, 2)), 0)), draw(st.none() | hours.map(encode_hours))


@st.composite
def progress_records(draw: st.DrawFn) -> tuple[bytes, bytes | None]:
    few = st.integers(0, 1)
    progress = Progress(
        next_offset=1, accepted=draw(st.integers(0, 4)), accepted_micros=draw(st.integers(-5, 5)),
        voids=draw(few), replaces=draw(few), duplicates=draw(few),
    )  # fmt: skip
    return encode_key(ProgressKey(draw(st.integers(0, 2)))), draw(st.none() | st.just(encode_progress(progress)))


ODD = [
    b"customer|0|2017-02", b"customer|00|2017-02|a", b"customer| 1|2017-02|a", b"customer|1|2017-02|\xff", b"x",
    "customer|1|2017-02|é".encode()[:-1], b"customer|1|2017-2|a", b"customer|9999999|2017-02|a", b"",
]  # fmt: skip
odd_records = st.tuples(
    st.sampled_from(ODD), st.sampled_from([b"{}", b'{"v":1,"types":{"CALL":[1,2]}}', b"\xff", None])
)
pairs = st.one_of(customer_records(), hour_records(), progress_records(), odd_records)
commits = st.lists(st.lists(pairs, max_size=25), max_size=4)


def _any_form(sums: dict[str, tuple[int, int]]) -> bytes:
    """Sums as another program might write the same JSON."""
    value = {"v": 1, "types": sums}
    seed = random.Random(repr(sums))
    return json.dumps(
        value, separators=seed.choice([(",", ":"), (", ", ": ")]), ensure_ascii=seed.random() < 0.5
    ).encode()


def numbered(batches: list[list[tuple[bytes, bytes | None]]]) -> list[list[Record]]:
    offset, numbered_batches = 0, []
    for batch in batches:
        numbered_batches.append([Record(n % 2, offset + n, key, value, 0) for n, (key, value) in enumerate(batch)])
        offset += len(batch)
    return numbered_batches


@settings(max_examples=examples(300))
@given(before=commits, live=commits, asks=st.booleans())
def test_it_says_what_the_plain_model_says(
    before: list[list[tuple[bytes, bytes | None]]], live: list[list[tuple[bytes, bytes | None]]], asks: bool
) -> None:
    """Read before it is ready or live, asked in between or not: the same sums, in the same order."""
    clock = ManualClock()
    model, plain = ReadModel(TYPES, "UTC", "EUR", clock=clock), PlainModel(TYPES)
    batches = numbered([*before, *live])
    for batch in batches[: len(before)]:
        model.apply(batch)
        plain.apply(batch)
    model.caught_up()
    clock.seconds += 2
    model.tick()
    plain.is_ready = True
    for batch in batches[len(before) :]:
        model.apply(batch)
        plain.apply(batch)
        if asks:
            compare(model, plain)
    compare(model, plain)
    clock.seconds += 2
    model.tick()
    for intake in plain.intakes.values():
        plain.show(intake)
    compare(model, plain)
    with model.reading() as view:
        compare_views(view.__class__(view.cube.still(), view.intakes, view.invoices, view.version), plain)


def compare(model: ReadModel, plain: PlainModel) -> None:
    assert model.records_read["subtotals"] == plain.read
    assert model.records_unreadable["subtotals"] == plain.unreadable
    assert {p: intake.books for p, intake in model.intakes.items()} == {p: i.books for p, i in plain.intakes.items()}
    with model.reading() as view:
        compare_views(view, plain)


def compare_views(view: View, plain: PlainModel) -> None:
    unpack = view.types.unpack
    assert view.types.names == plain.types.names
    assert view.months() == sorted(plain.months)
    assert sorted(view.cube.names) == sorted(plain.names) == list(view.named(""))
    assert view.known_customers() == len(plain.names)
    assert [view.is_customer(name) for name in NAMES] == [name in plain.names for name in NAMES]
    assert {at: unpack(sums) for at, sums in view.hours(0, 10**14)} == {a: unpack(s) for a, s in plain.hours.items()}
    for month in [*MONTHS, "2000-01"]:
        compare_month(view, plain, month)


def compare_month(view: View, plain: PlainModel, month: str) -> None:
    unpack, customers, expected = view.types.unpack, view.customers(month), plain.months.get(month, {})
    assert view.has_month(month) is (month in plain.months)
    assert [(name, unpack(sums)) for name, sums in customers.items()] == [(n, unpack(s)) for n, s in expected.items()]
    assert (list(customers), len(customers)) == (list(expected), len(expected))
    assert [_or_none(unpack, customers.get(name)) for name in NAMES] == [
        _or_none(unpack, expected.get(n)) for n in NAMES
    ]
    assert unpack(view.month_sums(month)) == unpack(plain.month_sums(month))
    assert list(view.named("", month)) == sorted(expected)
    assert list(view.named("c", month, "customer-1")) == sorted(
        n for n in expected if n[:1] == "c" and n > "customer-1"
    )
    for slot in range(len(view.types.names)):
        assert view.active_customers(month, slot) == sum(1 for sums in expected.values() if of_slot(sums, slot)[1])
    for slot in (None, *range(len(view.types.names))):
        for sort in (Sort.TOTAL, Sort.COUNT):
            ranked = plain.ranked(month, sort is Sort.COUNT, slot)
            assert list(view.ranked(month, sort, slot)) == ranked


def _or_none(unpack: Callable[[Sums], object], sums: Sums | None) -> object:
    return None if sums is None else unpack(sums)
