"""Every query of the JSON data sources in the dashboards, sent to a running deployment as the plugin would send it."""

import json
import re
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Kafka, new_name
from tests.e2e.deployment import Deployment, deployed
from tests.e2e.json_truth import Asked, check_answer
from tests.e2e.simpod import post, query_body, variable_body
from tests.for_each import check_each
from tests.grafana.committed import Json, PlacedTarget, dashboards, targets
from tests.pipeline import wait_until

MS_PER_DAY = 86_400_000
JSON_TARGETS = targets("simpod-json-datasource")
INFINITY_TARGETS = targets("yesoreyeram-infinity-datasource")


@pytest.fixture(scope="module")
def deployment(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment that has counted its history and closed every month that is due."""
    directory = tmp_path_factory.mktemp("json-targets")
    with deployed(kafka.bootstrap_servers, directory, new_name()) as deployment:
        wait_until(lambda: bool(closed_months(deployment)), what="a month is closed")
        wait_until(lambda: "billing_invoicer_months_due 0" in deployment.metrics("invoicer"), what="no month is due")
        yield deployment


def closed_months(deployment: Deployment) -> frozenset[str]:
    """Return the months that the exporter shows as invoiced."""
    return frozenset(month["month"] for month in deployment.get("/months")["months"] if month["status"] == "final")


def time_range() -> tuple[int, int]:
    """Return a range that holds the whole history and goes on to the next hours."""
    now_ms = time.time_ns() // 1_000_000
    return now_ms - 100 * MS_PER_DAY, now_ms + MS_PER_DAY


def variable_values(deployment: Deployment) -> dict[str, str]:
    """Return what the customer dashboard's variables stand at: the first value that each query offers."""
    values = {}
    for variable in dashboards()["customer.json"]["templating"]["list"]:
        if variable["datasource" if "datasource" in variable else "type"] == {
            "type": "simpod-json-datasource",
            "uid": "billing-json",
        }:
            offered = post(deployment.url("/variable"), variable_body(variable["query"], *time_range()))
            values[variable["name"]] = offered[0]["__value"]
    return values


def test_variables_offer_values(deployment: Deployment) -> None:
    """Customers in order of their names although nothing was typed yet; months with the newest first."""
    customers = sorted({customer for _, customer, _ in deployment.expected.customers})
    months = sorted({month for month, _, _ in deployment.expected.customers})
    assert variable_values(deployment) == {"customer": customers[0], "month": months[-1]}


def test_typing_into_the_customer_variable_searches(deployment: Deployment) -> None:
    """What is typed replaces Grafana's word, and the names that begin with it are offered."""
    customers = sorted({customer for _, customer, _ in deployment.expected.customers})
    query = next(v for v in dashboards()["customer.json"]["templating"]["list"] if v["name"] == "customer")["query"]
    typed = customers[-1][:3]
    body = variable_body({**query, "query": query["query"].replace("$__searchFilter", typed)}, *time_range())
    offered = [value["__value"] for value in post(deployment.url("/variable"), body)]
    assert offered == [customer for customer in customers if customer.startswith(typed)]


def test_targets_answer_with_the_right_numbers(deployment: Deployment) -> None:
    """An answer echoes the refId, has the columns that the panel shows, and is exactly what the events add up to."""
    variables = variable_values(deployment)
    check_each(JSON_TARGETS, lambda placed: check_target(deployment, placed, variables))


def check_target(deployment: Deployment, placed: PlacedTarget, variables: dict[str, str]) -> None:
    """Check the answer to one target."""
    body = query_body(placed.target, variables, *time_range())
    frames = post(deployment.url("/query"), body)
    assert {frame["refId"] for frame in frames} == {placed.target["refId"]}
    notices = [notice for frame in frames for notice in frame.get("meta", {}).get("notices", [])]
    assert not [notice["text"] for notice in notices if notice["severity"] != "info"]
    sent: dict[str, Any] = body["targets"][0]
    check_answer(Asked(sent["target"], sent["payload"], deployment.expected, closed_months(deployment)), frames)
    if placed.is_panel:
        assert_columns(placed.panel, [field["name"] for field in frames[0]["fields"]])


def test_infinity_queries_answer_with_the_right_numbers(deployment: Deployment) -> None:
    """A plain list has every column that the query names, and its amounts add up to what they are of."""
    check_each(INFINITY_TARGETS, lambda placed: check_list(deployment, placed))


def check_list(deployment: Deployment, placed: PlacedTarget) -> None:
    """Check the answer to one query."""
    from_ms, to_ms = time_range()
    grafana = {"${__from}": str(from_ms), "${__to}": str(to_ms)}
    parameters = {p["key"]: grafana.get(p["value"], p["value"]) for p in placed.target["url_options"]["params"]}
    rows = deployment.get(f"{placed.target['url']}?{urllib.parse.urlencode(parameters)}")
    columns = {column["selector"]: column["type"] for column in placed.target["columns"]}
    for row in rows:
        assert columns.keys() <= row.keys()
        assert all(isinstance(row[name], str) for name, kind in columns.items() if kind in ("string", "timestamp"))
        assert all(isinstance(row[name], int | float) for name, kind in columns.items() if kind == "number")
    assert abs(sum(row["amount"] for row in rows) - amounts(deployment, placed.target, parameters)) < 1e-3
    assert_columns(placed.panel, list(columns))


def amounts(deployment: Deployment, target: Json, parameters: dict[str, str]) -> float:
    """Return what the amounts of a plain list must add up to."""
    customers = deployment.expected.customers
    newest = max(month for month, _, _ in customers)
    whole = target["url"] in ("/api/v1/hours", "/api/v1/months") or parameters.get("month") == "All"
    if "limit" not in parameters:
        return sum(micros for (month, _, _), (micros, _) in customers.items() if whole or month == newest) / 1e6
    by_customer: dict[str, int] = {}
    for (month, customer, _), (micros, _) in customers.items():
        if month == newest:
            by_customer[customer] = by_customer.get(customer, 0) + micros
    return sum(sorted(by_customer.values(), reverse=True)[: int(parameters["limit"])]) / 1e6


def assert_columns(panel: Json, columns: list[str]) -> None:
    """Check that the columns which a panel's transformations and fields name are there."""
    for transformation in panel.get("transformations", []):
        options = transformation["options"]
        match transformation["id"]:
            case "filterFieldsByName":
                assert set(options["include"]["names"]) <= set(columns)
            case "organize":
                assert options["renameByName"].keys() <= set(columns)
            case "groupingToMatrix":
                assert {options["rowField"], options["columnField"], options["valueField"]} <= set(columns)
                assert panel["options"]["xField"] == f"{options['rowField']}\\{options['columnField']}"
            case other:
                raise AssertionError(f"nothing checks {other}")
    if fields := panel["options"].get("reduceOptions", {}).get("fields"):
        assert any(re.fullmatch(fields.strip("/"), column) for column in columns)


def test_the_lost_payload_of_a_customer_panel_is_no_answer(deployment: Deployment) -> None:
    """Grafana that loses a payload gets an error, not the total of everybody."""
    target = next(placed.target for placed in JSON_TARGETS if placed.target["target"] == "customer")
    body = query_body({**target, "payload": {}}, {}, *time_range())
    with pytest.raises(AssertionError, match="422") as caught:
        post(deployment.url("/query"), body)
    assert json.loads(str(caught.value).split("422 ")[1])["message"]
