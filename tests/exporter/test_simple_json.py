"""The JSON data source as grafana-simple-json-datasource speaks it."""

from collections.abc import Iterator
from typing import Any

import pytest

from exporter.datasource.targets import TARGETS
from tests.exporter.client import Client
from tests.exporter.world import DAY_MS, FEBRUARY_MS, HOUR_MS, two_months

RANGE = {"from": "2017-02-01T00:00:00.000Z", "to": "2017-03-01T00:00:00.000Z", "raw": {"from": "now-28d", "to": "now"}}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with two_months().served() as client:
        yield client


def ask(client: Client, name: str, type_: str, **more: Any) -> list[dict[str, Any]]:
    target = {"target": name, "refId": "A", "hide": False, "type": type_, **more}
    answer: list[dict[str, Any]] = client.query(
        target, range=RANGE, intervalMs=DAY_MS, maxDataPoints=100, adhocFilters=[]
    )
    return answer


def test_a_series_as_datapoints(client: Client) -> None:
    """Pairs of value and milliseconds."""
    calls = next(one for one in ask(client, "revenue", "timeserie") if one["target"] == "CALL")
    assert calls == {
        "target": "CALL",
        "refId": "A",
        "datapoints": [[1.5, FEBRUARY_MS], [1.5, FEBRUARY_MS + DAY_MS], [1.5, FEBRUARY_MS + 2 * DAY_MS]],
        "unit": "currency:financial:€",
        "tags": {"type": "CALL"},
    }


def test_a_series_as_table(client: Client) -> None:
    """Time, and a column for each type."""
    (table,) = ask(client, "events", "table", payload={"type": "CALL,DATA"})
    assert table["type"] == "table"
    assert table["columns"] == [
        {"text": "time", "type": "time"},
        {"text": "DATA", "type": "number", "unit": "short", "decimals": 0},
        {"text": "CALL", "type": "number", "unit": "short", "decimals": 0},
    ]
    assert table["rows"] == [[FEBRUARY_MS + day * DAY_MS, 2, 1] for day in range(3)]


def test_a_table_as_table(client: Client) -> None:
    """Columns with their units, numbers as numbers, the exact amount as text."""
    (table,) = ask(client, "customers", "table", data={"limit": 1})
    assert table["columns"][2] == {"text": "revenue", "type": "number", "unit": "currency:financial:€", "decimals": 2}
    assert table["rows"] == [
        ["Charlie", "2017-02", 189.99, "189.990000", 2, 94.995, pytest.approx(0.727262, abs=1e-6), "open"]
    ]


def test_a_table_as_series(client: Client) -> None:
    """Each row is a series of one point, at the newest event time."""
    series = ask(client, "customers", "timeserie")
    assert [one["target"] for one in series] == ["Charlie 2017-02", "Bob 2017-02", "Alice 2017-02"]
    assert series[0]["datapoints"] == [[189.99, FEBRUARY_MS + 2 * DAY_MS + 6 * HOUR_MS]]
    assert [one["datapoints"][0][0] for one in ask(client, "rejected", "timeserie")][:1] == [2]


def test_a_required_payload_is_required_here_too(client: Client) -> None:
    """Older dashboards have no payload at all."""
    answer = client.post("/query", {"targets": [{"target": "customer", "type": "table", "refId": "A"}]})
    assert answer.status == 422


def test_search(client: Client) -> None:
    """Values of variables by name or by JSON text; anything else looks for targets."""
    assert client.post("/search", {"target": ""}).json == list(TARGETS)
    assert client.post("/search").json == list(TARGETS)
    assert client.post("/search", {"target": "reven"}).json == ["revenue", "revenue_cumulative", "customer_revenue"]
    assert client.post("/search", {"target": "customers"}).json == ["Alice", "Bob", "Charlie"]
    assert client.post("/search", {"target": "months"}).json == ["2017-02", "2017-01"]
    assert client.post("/search", {"target": '{"target": "customers", "prefix": "B"}'}).json == ["Bob"]
    assert client.post("/search", {"target": {"target": "types"}}).json[0] == "MESSAGE"
    assert client.post("/search", {"target": "{broken"}).json == []


def test_annotations(client: Client) -> None:
    """The annotation is sent back with each, as the plugin wants it."""
    asked = {"name": "Months", "datasource": "Billing JSON", "enable": True, "iconColor": "red", "query": "months"}
    document = {"range": RANGE, "rangeRaw": RANGE["raw"], "annotation": asked}
    assert client.post("/annotations", document).json == [
        {
            "annotation": asked,
            "time": FEBRUARY_MS,
            "title": "2017-01 is closed",
            "text": "2 invoices, 13.00 EUR",
            "tags": ["month", "final"],
        }
    ]
    elsewhere = {"from": "2016-01-01T00:00:00Z", "to": "2016-02-01T00:00:00Z"}
    assert client.post("/annotations", {"range": elsewhere, "annotation": asked}).json == []


def test_ad_hoc_filters_come_under_their_own_name(client: Client) -> None:
    """At the top of the request."""
    filters = [{"key": "customer", "operator": "=", "value": "Alice"}]
    target = {"target": "totals", "refId": "A", "type": "table"}
    (table,) = client.query(target, range=RANGE, adhocFilters=filters)
    assert table["rows"][0][3] == 11.25
