"""What is shown after voids: sums that fall, and a customer's month of which nothing is left."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.period import month_calendar
from billing.runtime.topic_reader import Record
from exporter.metrics.endpoint import Exposition
from exporter.model.read_model import ReadModel
from exporter.model.view import Sort, View
from tests.examples import examples
from tests.exporter.client import Client
from tests.exporter.world import DAY_MS, FEBRUARY_MS, HOUR_MS, World, two_months

JANUARY_MS = FEBRUARY_MS - 20 * DAY_MS
TYPES = ("CALL", "DATA", "MISC")

Sums = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Sale:
    """An event that may be taken back."""

    customer: str
    micros: int
    type_: str
    at_ms: int
    partition: int


sales = st.builds(
    Sale,
    st.sampled_from(["Alice", "Bob", "Charlie"]),
    st.integers(-3, 3) | st.just(10**12 - 1),
    st.sampled_from(TYPES),
    st.sampled_from([JANUARY_MS, FEBRUARY_MS - 1, FEBRUARY_MS, FEBRUARY_MS + 7 * HOUR_MS]),
    st.integers(0, 1),
)
steps = st.one_of(sales, sales, st.integers(0, 50), st.none())


@settings(max_examples=examples(150))
@given(st.lists(steps, max_size=40), st.integers(0, 40))
def test_sums_fall_as_they_rose(history: Sequence[Sale | int | None], ready_at: int) -> None:
    """After any events, voids (a number) and commits (None): what is shown is the events that are left.

    It is also what an exporter shows that reads the topic later, once compaction has left the newest records alone.
    """
    world, left, topic = World(types=TYPES), list[Sale](), dict[bytes, Record]()
    for place, step in enumerate([*history, None]):
        if place == min(ready_at, len(history)):
            world.model.caught_up()
        if isinstance(step, Sale):
            left.append(step)
            world.event(step.customer, step.micros, step.type_, step.at_ms, partition=step.partition)
        elif step is not None and left:
            sale = left.pop(step % len(left))
            world.void(sale.customer, sale.micros, sale.type_, sale.at_ms, partition=sale.partition)
        elif step is None:
            told = world.committed.commit()
            topic.update({record.key or b"": record for record in told})
            world.model.apply(told)
    later = ReadModel(TYPES, "UTC", "EUR", clock=world.clock)
    later.apply(sorted(topic.values(), key=lambda record: record.offset))
    later.caught_up()
    for model in (world.model, later):
        with model.reading() as view:
            check(view, left)


def check(view: View, left: Sequence[Sale]) -> None:
    """Compare customers, months, types, hours and orders with the events that are left."""
    calendar = month_calendar("UTC")
    assert not view.imbalance()
    months: dict[str, dict[str, list[Sale]]] = {}
    hours: dict[int, list[Sale]] = {}
    for sale in left:
        months.setdefault(calendar.month_of(sale.at_ms), {}).setdefault(sale.customer, []).append(sale)
        hours.setdefault(sale.at_ms - sale.at_ms % HOUR_MS, []).append(sale)
    assert view.months() == sorted(months)
    assert {at: view.types.unpack(sums) for at, sums in view.hours(0, 10**14)} == {
        at: summed(some) for at, some in hours.items()
    }
    for month, customers in months.items():
        found = {name: view.types.unpack(sums) for name, sums in view.customers(month).items()}
        assert found == {name: summed(some) for name, some in customers.items()}
        assert view.active_customers(month) == len(customers)
        totals = Counter({name: sum(sale.micros for sale in some) for name, some in customers.items()})
        assert list(view.ranked(month, Sort.TOTAL)) == sorted(customers, key=lambda name: (-totals[name], name))
        assert list(view.named("", month)) == sorted(customers)


def summed(some: Sequence[Sale]) -> Sums:
    """Return the sums per type of some events."""
    types = {sale.type_ for sale in some}
    return {
        type_: (sum(s.micros for s in some if s.type_ == type_), sum(s.type_ == type_ for s in some)) for type_ in types
    }


@pytest.fixture
def emptied() -> Iterator[Client]:
    """A deployment in which all of Bob's February was taken back, and Alice's only January event, which is invoiced."""
    world = two_months(customer_series_limit=5)
    for day in range(3):
        world.void("Bob", 20_000_001, "DATA", FEBRUARY_MS + day * DAY_MS + 6 * HOUR_MS, partition=1)
    world.void("Alice", 8_000_000, "CALL", JANUARY_MS, partition=0)
    world.committed.duplicate()
    world.commit()
    with world.served() as client:
        yield client


def test_a_month_without_events_left_is_as_one_without_events(emptied: Client) -> None:
    """One customer, lists, top-N, pages, CSV and rows know it no more; the newest month of Bob is January."""
    answer = emptied.get("/customers/Bob?month=2017-02")
    assert (answer.status, answer.json["error"]["code"]) == (404, "unknown_customer")
    assert emptied.ok("/customers/Bob")["month"] == "2017-01"
    for path in (
        "/customers",
        "/customers?sort=customer",
        "/customers?type=DATA",
        "/customers?sort=count",
        "/customers?prefix=B",
    ):
        assert "Bob" not in [
            one["customer"] for one in emptied.ok(f"{path}{'&' if '?' in path else '?'}month=2017-02")["customers"]
        ]
    assert "Bob" not in emptied.get("/customers?month=2017-02&format=csv").text
    assert {row["month"] for row in emptied.ok("/api/v1/subtotals?customer=Bob&customer=Bob")} == {"2017-01"}
    assert "Bob" not in [row["customer"] for row in emptied.ok("/api/v1/customers?month=2017-02")]
    data = next(one for one in emptied.ok("/types?month=2017-02")["types"] if one["type"] == "DATA")
    assert (data["total"], data["count"]) == ("6.750000", 3)


def test_types_hours_and_the_overview_fall(emptied: Client) -> None:
    """The type has nothing left in January: the overview says so without a negative zero."""
    january = emptied.ok("/api/v1/overview?month=2017-01")
    call = next(one for one in january["types"] if one["type"] == "CALL")
    assert (call["total"], call["count"], call["average"], call["customers"]) == ("0.000000", 0, None, 0)
    assert january["totals"]["customers"] == 1
    assert all(row["count"] > 0 for row in emptied.ok("/api/v1/hours"))
    assert (emptied.get("/types/CALL?month=2017-01")).status == 404
    events = emptied.ok("/api/v1/overview")["events"]
    assert (events["accepted"], events["duplicates"], events["voids"], events["replaces"]) == (17, 1, 4, 0)


def test_what_an_invoice_billed_and_was_taken_back_is_on_the_draft(emptied: Client) -> None:
    """Alice's January is gone from the totals: her invoice of it stays, and her draft gives it back."""
    assert emptied.ok("/invoices/Alice/2017-01")["total"] == "8.00"
    draft = emptied.ok("/invoices/Alice/2017-02")
    assert draft["adjustments"] == [
        {
            "month": "2017-01",
            "type": "CALL",
            "count": -1,
            "exact": "-8.000000",
            "carried": "0.000000",
            "amount": "-8.00",
        }
    ]
    assert emptied.get("/invoices/Bob/2017-02").status == 404


def test_grafana_shows_what_is_left(emptied: Client) -> None:
    """Tables have no row of it, and series a zero where it was."""

    def ask(name: str, type_: str, **payload: str) -> Any:
        span = {"from": "2017-01-01T00:00:00Z", "to": "2017-03-01T00:00:00Z"}
        target = {"target": name, "refId": "A", "type": type_, "payload": payload}
        found = emptied.query(target, range=span, intervalMs=DAY_MS, maxDataPoints=1_000, adhocFilters=[])
        assert "-0.0" not in str(found)
        return found

    (bob,) = ask("customer", "table", customer="Bob")
    assert [row for row in bob["rows"] if "2017-02" in row] == []
    (february,) = ask("customers", "table", month="2017-02")
    assert "Bob" not in str(february["rows"])
    calls = next(one for one in ask("events", "timeserie") if one["target"] == "CALL")
    assert sum(value for value, _ in calls["datapoints"]) == 3
    (partitions,) = ask("freshness", "table")
    assert [row[-3:] for row in partitions["rows"]] == [[1, 1, 0], [0, 3, 0]]


def test_everything_of_a_month_can_be_taken_back() -> None:
    """Then nobody has events in it: it is unknown again, and comes back with the next event."""
    world = World()
    world.event("Charlie", 199_990_000)
    world.event("Alice", 1_000_000, at_ms=JANUARY_MS)
    world.ready()
    world.void("Charlie", 199_990_000)
    world.commit()
    with world.served() as client:
        assert [one["month"] for one in client.ok("/months")["months"]] == ["2017-01"]
        assert client.get("/customers?month=2017-02").status == 404
        assert client.ok("/api/v1/overview")["month"] == "2017-01"
        world.event("Charlie", 5_000_000)
        world.commit()
        assert client.ok("/customers/Charlie")["total"] == "5.000000"


def test_a_replacement_of_another_type_is_shown_whole() -> None:
    """Totals stay the same: while a record of it is missing, as compaction may leave it, it is told by the types."""
    world = World()
    for customer in ("Alice", "Bob"):
        world.event(customer, 5_000_000, "CALL")
    world.ready()
    world.void("Alice", 5_000_000, "CALL")
    world.event("Alice", 5_000_000, "DATA")
    told = [record for record in world.committed.commit() if not (record.key or b"").endswith(b"|Alice")]
    world.model.apply(told)
    with world.model.reading() as view:
        assert view.types.unpack(view.month_sums("2017-02")) == {"CALL": (10_000_000, 2)}
        assert {name for _, sums in view.hours(0, 10**14) for name in view.types.unpack(sums)} == {"CALL"}
    world.clock.seconds += 2
    world.model.tick()
    off = world.model.imbalance()
    assert (off.customers_micros, off.hours_micros, off.customers_records, off.hours_records) == (0, 5_000_000, 0, 1)
    world.event("Alice", 1, "DATA")
    world.commit()
    assert not world.model.imbalance()
    with world.model.reading() as view:
        assert view.types.unpack(view.month_sums("2017-02")) == {"CALL": (5_000_000, 1), "DATA": (5_000_001, 2)}


SAMPLE = re.compile(r"^(billing_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


def samples(world: World) -> dict[str, str]:
    """Return the series of the exposition by name and labels, with the types of their families."""
    return dict(SAMPLE.findall(Exposition(world.context).body(openmetrics=False).decode()))


def test_no_counter_falls_and_no_gauge_is_a_negative_zero() -> None:
    """Only gauges follow a void down; rate() takes a counter that falls for one that began anew."""
    world = two_months(customer_series_limit=5)
    before = samples(world)
    world.void("Charlie", 199_990_000, "MISC", FEBRUARY_MS + 2 * DAY_MS, partition=0)
    world.void("Charlie", -10_000_000, "MISC", FEBRUARY_MS + 2 * DAY_MS, partition=1)
    world.commit()
    after = samples(world)
    fallen = {name.partition("{")[0] for name in before if float(after.get(name, "inf")) < float(before[name])}
    assert fallen >= {"billing_subtotal_euros", "billing_subtotal_events", "billing_events_billed"}
    assert not {name for name in fallen if name.endswith(("_total", "_count", "_sum"))}
    assert after['billing_events_billed{event_type="MISC"}'] == "0.0"
    assert after['billing_subtotal_euros{event_type="MISC",month="2017-02"}'] == "0.0"
    assert after['billing_events_taken_back_total{by="void"}'] == "2.0"
    assert not [name for name, number in after.items() if number == "-0.0"]


def test_the_counts_of_events_are_those_of_the_progress_records() -> None:
    """Events billed are the records accepted, less two for each void and one for each replacement."""
    world = two_months()
    world.void("Alice", 8_000_000, "CALL", JANUARY_MS)
    world.committed.duplicate(1)
    world.commit()
    found = {name: float(number) for name, number in samples(world).items()}
    billed = sum(number for name, number in found.items() if name.startswith("billing_events_billed{"))
    accepted, voids = found["billing_events_accepted_total"], found['billing_events_taken_back_total{by="void"}']
    assert billed == accepted - 2 * voids == 12
    consumed = sum(number for name, number in found.items() if name.startswith("billing_events_consumed_total"))
    rejected = sum(number for name, number in found.items() if name.startswith("billing_events_rejected_total"))
    assert consumed == accepted + rejected + found["billing_events_duplicate_total"] == 18
