"""A customer's key is told nothing of another customer, in no answer, header or cursor."""

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest

from exporter.application import ROUTES
from exporter.web.problems import NOT_KNOWN
from exporter.web.routes import Need
from tests.access.canary import CANARY, OWN, bearer, traces, world
from tests.exporter.client import Answer, Client

NAME = quote(OWN, safe="")
# Every path that a customer may ask: a new route needs a line here.
OWN_PATHS = {
    "/customers/{customer}": [
        f"/customers/{NAME}",
        f"/customers/{NAME}?month=2017-01",
        f"/customers/{NAME}?month=2016-01",
    ],
    "/customers/{customer}/budgets": [f"/customers/{NAME}/budgets", f"/customers/{NAME}/budgets?month=2017-01"],
    "/customers/{customer}/events": [f"/customers/{NAME}/events", f"/customers/{NAME}/events?limit=1&type=CALL"],
    "/invoices": [
        f"/invoices?customer={NAME}",
        f"/invoices?customer={NAME}&limit=1",
        f"/invoices?customer={NAME}&cursor=9",
    ],
    "/invoices/{customer}/{month}": [f"/invoices/{NAME}/{month}" for month in ("2017-01", "2017-02", "2016-01")],
    "/api/v1/customer": [f"/api/v1/customer?customer={NAME}", f"/api/v1/customer?customer={NAME}&month=2017-01"],
    "/whoami": ["/whoami"],
}
OPEN_PATHS = ["/healthz", "/readyz", "/openapi.json"]


@pytest.fixture(scope="module", name="client")
def client_fixture() -> Iterator[Client]:
    with world().served() as client:
        yield client


def told(answer: Answer) -> str:
    """Return all that an answer says."""
    return answer.text + json.dumps(dict(answer.headers))


def test_every_path_of_a_customer_is_tried() -> None:
    """But for the stream, which sends what /api/v1/customer answers."""
    reached = {route.path for route in ROUTES if route.need in (Need.OWN_PATH, Need.OWN_QUERY, Need.KNOWN)}
    assert reached == {*OWN_PATHS, "/api/v1/customer/live"}


def test_the_canary_would_be_found(client: Client) -> None:
    """Whoever may see all data is told of it on most paths: the search for it works."""
    for path in ("/customers", "/customers?format=csv", "/months", "/invoices", "/api/v1/overview", "/types"):
        assert traces(told(client.get(path, **bearer("read")))), path
    assert traces(told(client.get("/metrics", **bearer("metrics"))))


@pytest.mark.parametrize("path", [path for paths in OWN_PATHS.values() for path in paths])
def test_an_own_answer_holds_nothing_of_others(client: Client, path: str) -> None:
    """No name, amount, count or share of anybody else, nor of all together."""
    answer = client.get(path, **bearer("own"))
    assert answer.status in (200, 404)
    assert not traces(told(answer))
    assert "share" not in answer.text


def test_what_is_open_holds_nothing_of_anybody(client: Client) -> None:
    """Readiness counts no records to strangers, nor to a customer; it says why to whoever may see all data."""
    for headers in ({}, bearer("own"), {"Authorization": "Bearer wrong"}):
        for path in OPEN_PATHS:
            answer = client.get(path, **headers)
            assert answer.status == 200
            assert not traces(told(answer))
        checks = client.get("/readyz", **headers).json["checks"]
        assert {check["message"] for check in checks} == {"it is as it must be"}
    assert "records read" in client.get("/readyz", **bearer("read")).text


def test_a_list_of_events_does_not_tell_how_many_there_are(client: Client) -> None:
    """Neither in numbers, nor in the cursor, which nobody can make up or take to another customer's list."""
    path = f"/customers/{NAME}/events?limit=1"
    page = client.get(path, **bearer("own")).json
    assert [(one["partition"], one["offset"]) for one in page["events"]] == [(None, None)]
    assert (page["read"]["of"], page["is_it"]) == (1_000, None)
    raw = base64.urlsafe_b64decode(page["next"] + "=" * (-len(page["next"]) % 4))
    assert b"2017" not in raw
    following = f"/customers/{NAME}/events?{urlencode({'cursor': page['next']})}"
    assert client.get(following, **bearer("own")).json["next"] is None
    everything = client.get(path, **bearer("read")).json
    assert everything["events"][0]["offset"] == 0
    for cursor in (everything["next"], page["next"][:-4] + "AAAA", "ä", "", "x"):
        answer = client.get(f"/customers/{NAME}/events?{urlencode({'cursor': cursor})}", **bearer("own"))
        assert (answer.status, answer.json["error"]["code"]) == (400, "bad_parameter"), cursor


def test_what_is_taken_back_does_not_tell_where_it_lies() -> None:
    """It is marked, and its place is told to those who may see all data."""
    event, void = f"1488142855,{OWN},1,CALL,a", json.dumps({"void": "a", "customer": OWN})
    path, places = f"/customers/{NAME}/events?limit=100", ("partition", "offset", "taken_offset")
    with world([event.encode(), void.encode()]).served() as served:
        for word, wanted in (("own", (None, None, None)), ("read", (0, 5, 4))):
            events = served.get(path, **bearer(word)).json["events"]
            (taken,) = [one for one in events if one["fate"] == "takes_back"]
            assert tuple(taken[name] for name in places) == wanted
            assert [one["fate"] for one in events].count("voided") == 1


def test_why_numbers_are_not_known_is_not_a_customers(client: Client) -> None:
    """The reason may name somebody, such as whose invoice cannot be read."""
    stopped = world()
    stopped.model.stop(f"the record of {CANARY} cannot be read")
    with stopped.served() as served:
        for path in (f"/customers/{NAME}", f"/invoices/{NAME}/2017-01", f"/api/v1/customer?customer={NAME}"):
            answer = served.get(path, **bearer("own"))
            assert (answer.status, answer.json["message"]) == (503, NOT_KNOWN)
        assert not traces(told(served.get("/readyz")))
        assert traces(told(served.get("/readyz", **bearer("read"))))
        assert traces(told(served.get("/months", **bearer("read"))))


def test_the_answers_to_one_are_not_anothers(client: Client) -> None:
    """What is kept for those who ask the same again is given only to those who may have it."""
    for _ in range(2):
        assert client.get(f"/customers/{quote(CANARY, safe='')}", **bearer("read")).status == 200
        refused = client.get(f"/customers/{quote(CANARY, safe='')}", **bearer("own"))
        assert refused.status == 403
        assert not traces(told(refused))
