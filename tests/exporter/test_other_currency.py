"""Amounts of one currency are never shown under the name of another."""

import pytest

from billing.settings import Settings
from exporter.model.read_model import ReadModel
from exporter.model.state import State
from tests.exporter.test_errors import assert_problem
from tests.exporter.world import DAY_MS, FEBRUARY_MS, World, two_months


def billed_in(billed: str, set_to: str, *, caught_up_first: bool) -> World:
    """Return an exporter set to a currency that reads a ledger of invoices in one."""
    writer = World(currency=billed)
    writer.event("Alice", 8_000_000, "CALL", FEBRUARY_MS - 20 * DAY_MS)
    reader = World(currency=set_to)
    # The writer's records go to the reader's model too, in the order that is asked for.
    subtotals = writer.committed.commit()
    reader.model.apply(subtotals)
    if caught_up_first:
        reader.model.caught_up()
    writer.model = reader.model
    writer.close("2017-01", FEBRUARY_MS + DAY_MS)
    reader.model.caught_up()
    return reader


@pytest.mark.parametrize("caught_up_first", [False, True])
@pytest.mark.parametrize(("billed", "set_to"), [("EUR", "USD"), ("JPY", "EUR"), ("KWD", "CLF"), ("CHF", "JPY")])
def test_another_currency_is_told_and_nothing_is_shown(billed: str, set_to: str, caught_up_first: bool) -> None:
    """Every answer is 503 with a sentence that names both; no metric of money is there, under either name."""
    with billed_in(billed, set_to, caught_up_first=caught_up_first).served() as client:
        for path in ("/customers/Alice", "/customers?format=csv", "/types", "/invoices", "/readyz", "/api/v1/overview"):
            message = assert_problem(client.get(path), 503, "other_currency")["message"]
            assert f"the invoices of 2017-01 are in {billed}, but currency is {set_to}" in message
            assert "docs/runbook.md#currency-changed" in message
        assert client.get("/healthz").status == 200
        metrics = client.get("/metrics").text
        assert "billing_ready 0" in metrics
        assert "billing_subtotal" not in metrics
        assert "billing_invoiced" not in metrics


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "CLF"])
def test_the_currency_of_the_invoices_is_shown(currency: str) -> None:
    """Set back, all of it is there."""
    world = billed_in(currency, currency, caught_up_first=True)
    assert world.model.state is State.READY
    with world.served() as client:
        assert client.ok("/invoices/Alice/2017-01")["currency"] == currency


def test_what_came_before_stays_hidden_when_more_comes() -> None:
    """Neither a new month nor more invoices bring the numbers back: they would be in two currencies."""
    world = two_months(currency="CHF")
    other = two_months(currency="EUR")
    other.model = world.model
    other.close("2017-02", FEBRUARY_MS + 40 * DAY_MS)
    assert world.model.state is State.OTHER_CURRENCY
    world.event("Dana", 5)
    world.commit()
    world.clock.seconds += 10
    world.model.tick()
    assert world.model.state is State.OTHER_CURRENCY
    assert "2017-02 are in EUR, but currency is CHF" in world.model.why


def test_a_model_without_invoices_has_any_currency() -> None:
    """Events carry none, so until the first invoice the setting alone says it."""
    for currency in ("EUR", "JPY"):
        model = ReadModel(Settings().types, "UTC", currency)
        model.caught_up()
        assert model.state is State.READY
