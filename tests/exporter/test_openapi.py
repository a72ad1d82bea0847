"""The OpenAPI document tells exactly what is served, and every answer keeps to its schema."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from exporter.application import ROUTES
from exporter.web.openapi import openapi_path
from exporter.web.routes import JSON
from tests.exporter.client import Client
from tests.exporter.input_log import MadeUpPages
from tests.exporter.world import CHARLIE_MS, charlie, two_months

DOCS = Path(__file__).parent.parent.parent / "docs"
RANGE = {"from": "2017-01-01T00:00:00Z", "to": "2017-03-01T00:00:00Z"}
POSTS: dict[str, Any] = {
    "/search": {"target": ""},
    "/query": {"targets": [{"target": "totals", "refId": "A"}], "range": RANGE},
    "/annotations": {"annotation": {"name": "x"}},
    "/tag-keys": {},
    "/tag-values": {"key": "type"},
    "/metrics": {},
    "/metric-payload-options": {"name": "month"},
    "/variable": {"payload": {"target": "months"}},
}
BUDGETS = [{"name": "each", "customer": "*", "amount": "100"}, {"name": "calls", "customer": "*", "count": 5}]
GETS = [
    "/", "/customers", "/customers?format=json&type=CALL", "/customers/Charlie", "/types", "/types/MISC", "/months",
    "/whoami", "/customers/Charlie/events", "/customers/Charlie/budgets", "/api/v1/customer?customer=Charlie",
    "/api/v1/customer?customer=Bob&month=2017-01",
    "/invoices", "/invoices?customer=Bob", "/invoices/Bob/2017-01", "/invoices/Charlie/2017-02", "/api/v1/overview",
    "/api/v1/overview?month=2017-01", "/api/v1/subtotals", "/api/v1/subtotals?customer=*", "/api/v1/hours",
    "/api/v1/months", "/api/v1/customers", "/api/v1/annotations", "/healthz", "/readyz", "/openapi.json",
]  # fmt: skip


@pytest.fixture(scope="module", name="served")
def served_fixture() -> Any:
    with two_months(input_pages=MadeUpPages([]), budgets=BUDGETS).served() as client:
        yield client, client.ok("/openapi.json")


def test_it_lists_every_route_and_no_other(served: tuple[Client, Any]) -> None:
    """What the application serves is what the document tells."""
    _, document = served
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    resources = {
        (route.method, openapi_path(route.resource.canonical))
        for route in charlie().app().router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert told == {(method, path.rstrip("/") or "/") for method, path in resources}


def test_docs_api_lists_every_route_and_no_other(served: tuple[Client, Any]) -> None:
    """docs/api.md has one row for each method and path, with exactly its query parameters."""
    _, document = served
    rows: dict[tuple[str, str], set[str]] = {}
    for line in (DOCS / "api.md").read_text("utf-8").partition("## Endpoints")[2].partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[1].startswith("`"):
            method, path = cells[1].strip("`").split(" ")
            rows[method, path] = {name.strip().strip("`") for name in cells[2].split(",") if name.strip()}
    assert rows == {
        (method.upper(), path): {one["name"] for one in operation["parameters"] if one["in"] == "query"}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.parametrize("path", GETS)
def test_answers_keep_to_their_schemas(served: tuple[Client, Any], path: str) -> None:
    """Each GET of JSON, on a deployment with a bit of everything."""
    client, document = served
    check(document, "get", path, client.ok(path))


@pytest.mark.parametrize("path", POSTS)
def test_grafana_answers_keep_to_their_schemas(served: tuple[Client, Any], path: str) -> None:
    """Each POST."""
    client, document = served
    check(document, "post", path, client.post(path, POSTS[path]).json)


def test_errors_keep_to_their_schema(served: tuple[Client, Any]) -> None:
    """An error with a field, and one without."""
    client, document = served
    for path in ("/customers?limit=0", "/nope"):
        validate(document, {"$ref": "#/components/schemas/Problem"}, client.get(path).json)


def test_every_json_route_is_tried() -> None:
    """A new route needs a line above."""
    tried = {("GET", path.partition("?")[0]) for path in GETS} | {("POST", path) for path in POSTS}
    tried |= {
        ("GET", "/customers/{customer}"), ("GET", "/customers/{customer}/events"),
        ("GET", "/customers/{customer}/budgets"), ("GET", "/types/{type}"), ("GET", "/invoices/{customer}/{month}"),
    }  # fmt: skip
    routes = {(route.method, route.path) for route in ROUTES if route.media_type == JSON}
    assert routes <= tried


def test_the_default_of_an_optional_month_is_taken() -> None:
    """A deployment without invoices or rejected records keeps to the schemas as well."""
    with charlie().served() as client:
        document = client.ok("/openapi.json")
        for path in ("/api/v1/overview", "/invoices", "/invoices/Charlie/2017-02", "/api/v1/annotations"):
            check(document, "get", path, client.ok(path))
    world = charlie()
    world.close("2017-02", CHARLIE_MS)
    with world.served() as client:
        check(document, "get", "/invoices", client.ok("/invoices"))


def check(document: Any, method: str, path: str, answer: Any) -> None:
    template = next(
        template
        for template in sorted(document["paths"], key=lambda one: "{" in one)
        if matches(template, path.partition("?")[0]) and method in document["paths"][template]
    )
    schema = document["paths"][template][method]["responses"]["200"]["content"]["application/json"]["schema"]
    validate(document, schema, answer)


def matches(template: str, path: str) -> bool:
    wanted, parts = template.split("/"), path.split("/")
    return len(wanted) == len(parts) and all(
        one == part or (one.startswith("{") and part) for one, part in zip(wanted, parts, strict=True)
    )


def validate(document: Any, schema: Any, answer: Any) -> None:
    validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
    validator.validate(answer)


def test_documents_are_exact(served: tuple[Client, Any]) -> None:
    """Money and months have their patterns, words are listed, and no document has more fields than it names."""
    schemas = served[1]["components"]["schemas"]
    customer = schemas["Customer"]
    assert customer["properties"]["total"]["pattern"] == r"^-?[0-9]+\.[0-9]{6}$"
    assert customer["properties"]["totalEur"]["pattern"] == r"^-?[0-9]+\.[0-9]{2}$"
    assert customer["properties"]["month"]["pattern"] == "^[0-9]{4}-(0[1-9]|1[0-2])$"
    assert schemas["MonthStatus"]["enum"] == ["open", "final"]
    assert schemas["InvoiceDocument"]["properties"]["document"] == {"$ref": "#/components/schemas/InvoiceKind"}
    assert schemas["InvoiceKind"]["enum"] == ["invoice", "credit_note"]
    assert schemas["Readiness"]["properties"]["status"]["enum"] == ["ready", "degraded"]
    assert set(customer["properties"]) - set(customer["required"]) == {"totalEur"}
    loose = {name for name, one in schemas.items() if one["type"] == "object" and one["additionalProperties"]}
    assert not loose
