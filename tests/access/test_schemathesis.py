"""schemathesis makes requests of the OpenAPI document: with no key does one fail, or tell of whom it may not."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok

from tests.access.canary import CANARY, KEYS, OWN, bearer, traces, world
from tests.exporter.client import Client

EXAMPLES = 8
# Of the answers to these, a customer must be told nothing of another, and whoever may scrape no customer at all.
BLIND = ("own", "nobody")
# Some of what must have been answered, or nothing has been tried.
REACHED = {
    "nobody": ["/openapi.json"],
    "own": ["/customers/{customer}", "/customers/{customer}/events", "/api/v1/customer", "/whoami"],
    "read": ["/customers/{customer}", "/customers", "/query"],
    "metrics": ["/whoami"],
    "admin": ["/customers/{customer}", "/customers", "/query", "/whoami"],
}
NAMES = st.sampled_from(
    [OWN, CANARY, OWN.lower(), f"customer:{CANARY}", f"{OWN}\x00", "../" + CANARY, f"{OWN},{CANARY}", "*"]
)
PLACES = st.tuples(NAMES, st.sampled_from(["2017-01", "2017-02"]))


@pytest.fixture(scope="module", name="client")
def client_fixture() -> Iterator[Client]:
    with world().served() as client:
        yield client


def operations(client: Client) -> list[Any]:
    """Return the operations of the document, but for streams, which have no end."""
    found = schemathesis.openapi.from_dict(client.ok("/openapi.json")).exclude(path_regex="/live$").get_all_operations()
    return [one.ok() for one in found if isinstance(one, Ok)]


@pytest.mark.slow("the same with made-up names and the matrix: tests/access/test_who_may_see_what.py")
@pytest.mark.parametrize("who", ["nobody", *KEYS])
def test_no_request_fails_or_tells_of_others(client: Client, who: str) -> None:
    """Whatever the parameters and bodies; names are those of both customers and what looks like them, or anything."""
    headers = {} if who == "nobody" else bearer(who)
    answered = {operation.path: _try(client, operation, who, headers) for operation in operations(client)}
    for path in REACHED[who]:
        assert 200 in answered[path], path


def _name(case: Any, customer: str, month: str) -> None:
    """Let a request be about a customer and a month, where it can be, and leave out what else it asks for."""
    if "customer" in case.path_parameters:
        case.path_parameters["customer"] = quote(customer, safe="")
    if "month" in case.path_parameters:
        case.path_parameters["month"] = month
    takes = {parameter.name for parameter in case.operation.query}
    case.query = {name: value for name, value in (("customer", customer), ("month", month)) if name in takes}


def _try(client: Client, operation: Any, who: str, headers: dict[str, str]) -> set[int]:
    """Return the statuses of the answers to an operation."""
    statuses: set[int] = set()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(), named=PLACES)
    def request(case: Any, named: tuple[str, str]) -> None:
        send(case)
        for place in (named, (OWN, "2017-02")):
            _name(case, *place)
            send(case)

    def send(case: Any) -> None:
        answer = case.call(base_url=f"http://127.0.0.1:{client.port}", headers=headers, timeout=30)
        statuses.add(answer.status_code)
        assert answer.status_code < 500 or answer.status_code == 503, (case.as_curl_command(), answer.text)
        if who in BLIND:
            # An error may repeat what was asked for, and that alone.
            asked = traces(repr((case.path_parameters, case.query, case.body)))
            assert not set(traces(answer.text + str(answer.headers))) - set(asked), case.as_curl_command()

    request()
    return statuses
