"""Every answer that shows money shows it with the digits and the name of the deployment's currency."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from billing.currency import minor_digits, prefix
from exporter.metrics.collector import BillingCollector
from qb.demo.snapshot import money
from tests.exporter.client import Client
from tests.exporter.world import DAY_MS, FEBRUARY_MS, World

MICROS = 1_234_567_895
EXACT = "1234.567895"
# Currency, what is paid of the exact amount, and the micros of that.
PAID = [
    ("JPY", "1235", 1_235_000_000),
    ("EUR", "1234.57", 1_234_570_000),
    ("RSD", "1234.57", 1_234_570_000),
    ("KWD", "1234.568", 1_234_568_000),
    ("IQD", "1234.568", 1_234_568_000),
    ("CLF", "1234.5679", 1_234_567_900),
]
each_currency = pytest.mark.parametrize(("currency", "paid", "micros"), PAID)


def billed(currency: str) -> World:
    """Return a deployment whose January is invoiced and whose February is open, of one customer and amount each."""
    world = World(currency=currency)
    world.event("Alice", MICROS, "CALL", FEBRUARY_MS - 20 * DAY_MS)
    world.event("Alice", MICROS, "CALL", FEBRUARY_MS + DAY_MS)
    world.ready()
    world.close("2017-01", FEBRUARY_MS + DAY_MS)
    return world


def samples(world: World) -> dict[tuple[str, str], float]:
    """Return the metrics of the months by name and month; those of types without events are 0 and left out."""
    found = {}
    for family in BillingCollector(world.context).collect():
        for sample in family.samples:
            if sample.value and sample.labels.get("event_type", "CALL") == "CALL" and "month" in sample.labels:
                found[sample.name, sample.labels["month"]] = sample.value
    return found


def money_columns(client: Client, target: str) -> dict[str, dict[str, Any]]:
    """Return the columns of money of a table as Grafana gets them."""
    body = {
        "range": {"from": "2017-01-01T00:00:00Z", "to": "2017-03-01T00:00:00Z"},
        "intervalMs": 3_600_000,
        "maxDataPoints": 1_000,
        "targets": [{"refId": "A", "target": target, "type": "table"}],
    }
    (table,) = client.post("/query", body).json
    return {one["text"]: one for one in table["columns"] if one.get("unit", "").startswith("currency")}


@each_currency
def test_metrics_are_named_after_it_and_hold_what_is_paid(currency: str, paid: str, micros: int) -> None:
    """Invoiced is what is paid, in units of the currency and not of its minor unit; an open total is exact."""
    word, found = "euros" if currency == "EUR" else currency.lower(), samples(billed(currency))
    assert found[f"billing_invoiced_{word}", "2017-01"] == pytest.approx(micros / 1e6, abs=1e-9)
    assert found[f"billing_subtotal_{word}", "2017-02"] == pytest.approx(MICROS / 1e6, abs=1e-9)


@each_currency
def test_rest_says_what_is_paid_and_what_is_exact(currency: str, paid: str, micros: int) -> None:
    """An issued invoice, a draft, and a customer's total; `totalEur` is there for euros alone."""
    with billed(currency).served() as client:
        issued = client.ok("/invoices/Alice/2017-01")
        draft = client.ok("/invoices/Alice/2017-02")
        customer = client.ok("/customers/Alice?month=2017-02")
        listed = next(csv.DictReader(io.StringIO(client.get("/customers?month=2017-02&format=csv").text)))
        overview = client.ok("/api/v1/overview")
    assert (issued["total"], issued["currency"]) == (paid, currency)
    assert [line["amount"] for line in issued["lines"]] == [paid]
    # What rounding left of January is carried, so the draft may be a unit apart; its digits are the currency's.
    assert len(draft["total"].partition(".")[2]) == minor_digits(currency)
    assert (customer["total"], customer["currency"]) == (EXACT, currency)
    assert customer.get("totalEur") == (paid if currency == "EUR" else None)
    assert (listed["total"], listed["currency"]) == (EXACT, currency)
    assert (overview["totals"]["total"], overview["currency"]) == (EXACT, currency)


@each_currency
def test_grafana_gets_its_digits(currency: str, paid: str, micros: int) -> None:
    """A money column has the currency's unit and decimals, an average two more."""
    unit, digits = f"currency:financial:{prefix(currency)}", minor_digits(currency)
    with billed(currency).served() as client:
        for target in ("customers", "types", "months", "invoices"):
            columns = money_columns(client, target)
            assert columns, target
            for name, column in columns.items():
                assert column["unit"] == unit
                assert column["decimals"] == digits + (2 if "average" in name else 0), (target, name)


@each_currency
def test_the_demo_writes_it_as_an_invoice_would(currency: str, paid: str, micros: int) -> None:
    """With thousands apart."""
    assert money(Decimal(EXACT), currency) == f"{paid[0]},{paid[1:]}"
    assert money(Decimal("-0.000001"), currency).strip("0.") in ("", "-")
