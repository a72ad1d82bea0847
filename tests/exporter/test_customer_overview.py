"""One customer's document and its live stream: all of theirs, and nothing of anybody else."""

import json
from urllib.parse import urlencode

import pytest

from billing.budget import Budget
from billing.runtime.access.gate import Gate
from exporter.rest.broadcast import MAX_CUSTOMER_STREAMS, CustomerWatched
from tests.access.known import KnownWords
from tests.exporter.test_live import listen
from tests.exporter.world import CHARLIE_MS, DAY_MS, FEBRUARY_MS, World, two_months

NAMES = (
    "..",
    ".",
    "a/b?c#d&e=f",
    "Smith, Jones",
    "<img src=x onerror=alert(1)>",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "=1+1",
)
CANARY = "Canary & Sons"


def path(customer: str, live: bool = False, **more: str) -> str:
    return f"/api/v1/customer{'/live' * live}?{urlencode({'customer': customer, **more})}"


def test_a_customer_in_one_document() -> None:
    """Months with types, invoices issued, the draft of the open month, all of one state."""
    with two_months().served() as client:
        found = client.ok(path("Alice"))
        assert (found["customer"], found["month"], found["status"]) == ("Alice", "2017-02", "open")
        assert [(one["month"], one["total"], one["status"]) for one in found["months"]] == [
            ("2017-01", "8.000000", "final"), ("2017-02", "11.250000", "open"),
        ]  # fmt: skip
        assert found["months"][1]["types"] == {
            "DATA": {"total": "6.750000", "count": 3}, "CALL": {"total": "4.500000", "count": 3},
        }  # fmt: skip
        assert found["shown_months"] == [
            {"month": "2017-01", "status": "final"},
            {"month": "2017-02", "status": "open"},
        ]
        assert [(one["number"], one["total"]) for one in found["invoices"]] == [("2017-01-000001", "8.00")]
        assert found["invoice"] == client.ok("/invoices/Alice/2017-02")
        january = client.ok(path("Alice", month="2017-01"))
        assert january["invoice"] == client.ok("/invoices/Alice/2017-01")


def test_budgets_are_those_of_the_rest_path() -> None:
    """In the same month."""
    budget = Budget(name="cap", customer="Alice", amount="100")
    with two_months(budgets=[budget]).served() as client:
        assert client.ok(path("Alice"))["budgets"] == client.ok("/customers/Alice/budgets")["budgets"] != []
        assert client.ok(path("Bob"))["budgets"] == []


def test_a_month_with_nothing_but_an_adjustment_is_shown() -> None:
    """What came late for a closed month is in the draft of a month in which the customer has no events."""
    world = two_months()
    world.event("Dora", 3_000_000, at_ms=FEBRUARY_MS - DAY_MS)
    world.commit()
    with world.served() as client:
        found = client.ok(path("Dora"))
    assert [one["month"] for one in found["months"]] == ["2017-01"]
    assert [one["month"] for one in found["shown_months"]] == ["2017-01", "2017-02"]
    assert (found["month"], found["invoice"]["status"], found["invoice"]["total"]) == ("2017-02", "draft", "3.00")


def test_whoever_has_no_events_has_no_months() -> None:
    """That is an answer: it does not tell an unknown name from one without events."""
    with two_months().served() as client:
        found = client.ok(path("Nobody"))
        assert (found["months"], found["invoices"], found["invoice"], found["month"]) == ([], [], None, None)
        for bad in ("/api/v1/customer", "/api/v1/customer?customer=", "/api/v1/customer?customer=a&customer=b",
                    "/api/v1/customer/live"):  # fmt: skip
            assert (client.get(bad).status, client.get(bad).json["error"]["field"]) == (400, "customer")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_asked_for(name: str) -> None:
    """And nothing of others is in what comes: no name, no amount."""
    world = World()
    world.event(name, 7_000_001)
    world.event(CANARY, 123_456_789)
    with world.ready().served() as client:
        found = client.ok(path(name))
        with listen(client.port, path(name, live=True)) as events:
            told = events.next()
        assert told is not None
        assert (found["customer"], found["months"][0]["total"]) == (name, "7.000001")
        for document in (found, told):
            assert "Canary" not in json.dumps(document)
            assert "123" not in json.dumps(document)


def test_the_stream_moves_with_the_customers_own_figures() -> None:
    """Events of others send nothing, so that nobody can watch when they come; the customer's own are sent at once."""
    world = two_months()
    watched = CustomerWatched("Alice", None)
    before = watched.make(world.context)
    world.event("Bob", 1_000_000, "DATA", CHARLIE_MS)
    world.commit()
    after = watched.make(world.context)
    assert after.figures == before.figures
    assert after.body != before.body, "as_of is the deployment's"
    with world.served() as client, listen(client.port, path("Alice", live=True)) as events:
        events.next()
        world.event("Alice", 1_000_000, "CALL", CHARLIE_MS)
        world.commit()
        second = events.next()
        assert second is not None
        assert second["months"][-1]["total"] == "12.250000"


def test_the_stream_waits_with_whoever_waits() -> None:
    """While catching up it says so, without a word about how much others have."""
    world = World()
    world.event("Charlie", 1)
    world.commit()
    world.model.catching_up(1, 4)
    with world.served() as client, listen(client.port, path("Charlie", live=True)) as events:
        waiting = events.next()
        assert waiting is not None
        assert (waiting["ready"], waiting["read_fraction"], "health" in waiting) == (False, 0.25, False)
        world.model.caught_up()
        found = events.next()
        assert found is not None
        assert found["months"][0]["total"] == "0.000001"


def test_one_customer_cannot_take_all_places() -> None:
    """The next stream of the same customer is refused, whatever the month; others are not."""
    with two_months().served() as client:
        months = ["2017-01", "2017-02"] * (MAX_CUSTOMER_STREAMS // 2)
        streams = [listen(client.port, path("Alice", live=True, month=month)) for month in months]
        for stream in streams:
            stream.__enter__().next()
        refused = client.get(path("Alice", live=True))
        assert (refused.status, refused.json["error"]["code"]) == (503, "busy")
        with listen(client.port, path("Bob", live=True)) as events:
            assert events.next() is not None
        for stream in streams:
            stream.__exit__(None, None, None)


@pytest.mark.parametrize("stream", [path("Alice", live=True), "/api/v1/live"])
def test_a_stream_ends_with_the_key_that_opened_it(stream: str) -> None:
    """Whoever loses it does not go on watching."""
    words = KnownWords({"key": ["customer:Alice", "read"]})
    with two_months(gate=Gate([words])).served() as client:
        with listen(client.port, stream, Authorization="Bearer key") as events:
            assert events.next() is not None
            words.scopes["key"] = ["customer:Bob"]
            assert None in [events.next() for _ in range(6)]
        words.scopes.clear()
        assert client.get(stream, Authorization="Bearer key").status == 401
