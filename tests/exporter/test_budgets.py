"""A customer's budgets over REST: how much of each is used, by the totals that are shown."""

import pytest

from billing.budget import Budget
from exporter.rest.budgets import use_of
from tests.exporter.world import FEBRUARY_MS, World

BUDGETS = [
    {"name": "all", "amount": "1"},
    {"name": "each", "customer": "*", "amount": "100", "thresholds": [50, 80, 100]},
    {"name": "calls", "customer": "Ch*", "type": "CALL", "count": 4},
    {"name": "other", "customer": "Dora", "amount": "5"},
]


def test_a_customer_has_the_budgets_that_are_its_own() -> None:
    """Not those of all together, nor those of others; with the exact use of a month."""
    world = World(budgets=BUDGETS)
    world.event("Charlie", 80_000_000, "MISC", FEBRUARY_MS)
    world.event("Charlie", 500_000, "CALL", FEBRUARY_MS)
    world.event("Charlie", 1_000_000, "CALL", FEBRUARY_MS - 1)
    with world.ready().served() as client:
        document = client.ok("/customers/Charlie/budgets?month=2017-02")
        assert (document["customer"], document["month"]) == ("Charlie", "2017-02")
        assert document["budgets"] == [
            {"budget": "each", "type": None, "used": "80.500000", "limit": "100.000000", "currency": "EUR",
             "used_ratio": 0.805, "reached_percent": 80},
            {"budget": "calls", "type": "CALL", "used": "1", "limit": "4", "currency": None, "used_ratio": 0.25,
             "reached_percent": None},
        ]  # fmt: skip
        assert client.ok("/customers/Charlie/budgets")["month"] == "2017-02"
        empty = client.ok("/customers/Charlie/budgets?month=2017-07")["budgets"]
        assert [one["used"] for one in empty] == ["0.000000", "0"]


def test_whoever_has_used_nothing_has_budgets_too() -> None:
    """Before its first event, and before anybody's."""
    world = World(budgets=BUDGETS)
    with world.ready().served() as client:
        assert client.ok("/customers/Dora/budgets")["month"] is None
    world = World(budgets=BUDGETS)
    world.event("Charlie", 1_000_000)
    with world.ready().served() as client:
        document = client.ok("/customers/Dora/budgets")
    assert document["month"] == "2017-02"
    assert [(one["budget"], one["used"]) for one in document["budgets"]] == [
        ("each", "0.000000"),
        ("other", "0.000000"),
    ]


def test_without_budgets_there_are_none() -> None:
    """An empty list, no error."""
    world = World()
    world.event("Charlie", 1_000_000)
    with world.ready().served() as client:
        assert client.ok("/customers/Charlie/budgets")["budgets"] == []


@pytest.mark.parametrize(("micros", "reached"), [(49_999_999, None), (50_000_000, 50), (10**15, 100), (-1, None)])
def test_a_threshold_is_reached_as_it_is_decided(micros: int, reached: int | None) -> None:
    """From exactly its percentage on."""
    budget = Budget(name="b", customer="*", amount="100", thresholds=(50, 100))
    use = use_of(budget, {"MISC": (micros, 1)}, "EUR")
    assert (use["reached_percent"], use["used_ratio"]) == (reached, micros / 100_000_000)
