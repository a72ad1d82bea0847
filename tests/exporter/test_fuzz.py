"""Whatever is sent, the exporter answers, and never with a bug."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.application import ROUTES
from exporter.datasource.targets import TARGETS
from tests.examples import examples
from tests.exporter.client import Client
from tests.exporter.world import two_months

PARAMETERS = sorted({name for route in ROUTES for name in route.query_names})
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["2017-02", "DATA", "Bob", "*", "", "0", "-1", "9" * 30, "total", "csv", "All", "\ud800", "{", "(a|b)", "[1,{}]"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
KEYS = ["customer", "type", "month", "limit", "prefix", "sort", "bucket", "combined", "at", "target", "search"]
PAYLOADS = VALUES | st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4)
TARGETS_SENT = st.fixed_dictionaries(
    {"target": st.sampled_from(sorted(TARGETS)) | VALUES},
    optional={"refId": VALUES, "payload": PAYLOADS, "data": PAYLOADS, "type": VALUES, "hide": VALUES},
)
FILTERS = VALUES | st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["customer", "type", "month"]) | VALUES},
        optional={"operator": st.sampled_from(["=", "!=", "=~", "!~", "<", ">", "=|"]) | VALUES, "value": VALUES},
    ),
    max_size=2,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "targets": VALUES | st.lists(TARGETS_SENT, max_size=2),
        "range": VALUES | st.fixed_dictionaries({"from": VALUES, "to": VALUES}),
        "maxDataPoints": VALUES,
        "intervalMs": VALUES,
        "filters": FILTERS,
        "adhocFilters": FILTERS,
        "payload": PAYLOADS,
        "target": VALUES | st.sampled_from(["customers", "types", "months"]),
        "key": VALUES | st.sampled_from(["customer", "type"]),
        "name": VALUES,
        "annotation": VALUES,
    },
)
FUZZ = settings(max_examples=examples(250), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", name="client")
def client_fixture() -> Any:
    with two_months().served() as client:
        yield client


def escape(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@FUZZ
@given(
    path=st.sampled_from(sorted({r.path for r in ROUTES if r.method == "GET" and r.path != "/api/v1/live"})),
    names=st.lists(TEXTS, min_size=3, max_size=3),
    query=st.lists(st.tuples(st.sampled_from(PARAMETERS) | TEXTS, TEXTS), max_size=3),
)
def test_any_get(client: Client, path: str, names: list[str], query: list[tuple[str, str]]) -> None:
    """Any names in the path, any parameters."""
    path = path.replace("{file:.+}", "{file}")
    filled = path.format(
        customer=escape(names[0]), type=escape(names[1]), month=escape(names[2]), file=escape(names[0])
    )
    answer = client.get(f"{filled}?{'&'.join(f'{escape(name)}={escape(value)}' for name, value in query)}")
    check(answer.status, answer.body)


@FUZZ
@given(path=st.sampled_from(sorted(r.path for r in ROUTES if r.method == "POST")), body=BODIES)
def test_any_post(client: Client, path: str, body: dict[str, Any]) -> None:
    """Any document, most of it almost right."""
    answer = client.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    check(answer.status, answer.body)


def check(status: int, body: bytes) -> None:
    assert status in (200, 400, 404, 422), body
    if status != 200:
        problem = json.loads(body)
        assert set(problem) == {"message", "error"}
