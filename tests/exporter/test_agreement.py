"""The faces agree: REST, overview, JSON data source, rows and Prometheus tell the same of the same instant."""

import random
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.client import Client
from tests.exporter.world import DAY_MS, FEBRUARY_MS, World

TYPES = ("MESSAGE", "DATA", "CALL", "PACK", "MISC")


def busy_world(seed: int) -> World:
    rng = random.Random(seed)
    world = World(customer_series_limit=100)
    for _ in range(400):
        world.event(
            rng.choice(["Alice", "Bob", "Charlie", "Zoë/Z", "Smith, Jones"]),
            rng.randint(-1_000_000, 50_000_000),
            rng.choice(TYPES),
            FEBRUARY_MS + rng.randint(-31 * DAY_MS, 27 * DAY_MS),
            partition=rng.randrange(4),
        )
    return world.ready()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_faces_agree(seed: int) -> None:
    """By month and type, by customer, and in all, while nothing moves."""
    with busy_world(seed).served() as client:
        for month in ("2017-01", "2017-02"):
            by_type = rest_types(client, month)
            assert by_type == overview_types(client, month) == table_types(client, month) == row_types(client, month)
            assert {name: float(total) for name, total in by_type.items()} == metric(client, "event_type", month)
            assert sum(by_type.values()) == hours(client, month)
            customers = rest_customers(client, month)
            assert customers == table_customers(client, month) == row_customers(client, month)
            metrics = metric(client, "customer", month)
            assert metrics.pop("_other") == 0
            assert {name: float(total) for name, total in customers.items()} == metrics
            assert sum(customers.values()) == sum(by_type.values()) == months(client)[month]


def rest_types(client: Client, month: str) -> dict[str, Decimal]:
    return {one["type"]: Decimal(one["total"]) for one in client.ok(f"/types?month={month}")["types"]}


def overview_types(client: Client, month: str) -> dict[str, Decimal]:
    return {one["type"]: Decimal(one["total"]) for one in client.ok(f"/api/v1/overview?month={month}")["types"]}


def table_types(client: Client, month: str) -> dict[str, Decimal]:
    return exact(client.query({"target": "types", "payload": {"month": month}})[0], "type")


def row_types(client: Client, month: str) -> dict[str, Decimal]:
    rows = client.ok(f"/api/v1/subtotals?month={month}")
    assert all(float(row["total"]) == row["amount"] for row in rows)
    return {row["type"]: Decimal(row["total"]) for row in rows}


def hours(client: Client, month: str) -> Decimal:
    return sum((Decimal(row["total"]) for row in client.ok(f"/api/v1/hours?month={month}")), Decimal(0))


def months(client: Client) -> dict[str, Decimal]:
    return {one["month"]: Decimal(one["total"]) for one in client.ok("/months")["months"]}


def rest_customers(client: Client, month: str) -> dict[str, Decimal]:
    return {one["customer"]: Decimal(one["total"]) for one in client.ok(f"/customers?month={month}")["customers"]}


def table_customers(client: Client, month: str) -> dict[str, Decimal]:
    frame = client.query({"target": "customers", "payload": {"month": month, "limit": 1_000}})[0]
    by_type = client.query({"target": "customer", "payload": {"month": month, "customer": "*"}})[0]
    sums: dict[str, Decimal] = {}
    for name, total in zip(column(by_type, "customer"), column(by_type, "revenue_exact"), strict=True):
        sums[name] = sums.get(name, Decimal(0)) + Decimal(total)
    assert sums == exact(frame, "customer")
    return sums


def row_customers(client: Client, month: str) -> dict[str, Decimal]:
    return {one["customer"]: Decimal(one["total"]) for one in client.ok(f"/api/v1/customers?month={month}")}


def metric(client: Client, label: str, month: str) -> dict[str, float]:
    name = {"event_type": "billing_subtotal_euros", "customer": "billing_customer_subtotal_euros"}[label]
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    samples = families[name].samples
    return {sample.labels[label]: sample.value for sample in samples if sample.labels["month"] == month}


def exact(frame: Any, key: str) -> dict[str, Decimal]:
    amounts = map(Decimal, column(frame, "revenue_exact"))
    numbers = column(frame, "revenue")
    found = dict(zip(column(frame, key), amounts, strict=True))
    assert [float(amount) for amount in found.values()] == numbers
    return found


def column(frame: Any, name: str) -> list[Any]:
    values: list[Any] = next(field["values"] for field in frame["fields"] if field["name"] == name)
    return values
