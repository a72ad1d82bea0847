"""Every path with every kind of credentials: docs/api.md has the table, and the exporter keeps to it."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from billing.runtime.access.gate import Gate
from exporter.application import ROUTES
from exporter.web.openapi import openapi_path
from exporter.web.routes import Need, Route
from tests.access.known import KnownWords, bearer, gate_of_keys
from tests.exporter.client import Answer, Client
from tests.exporter.input_log import MadeUpPages
from tests.exporter.world import two_months

API = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text("utf-8")
# The columns of the table in docs/api.md, and who of tests/access/known.py stands in each.
COLUMNS: dict[str, tuple[str | None, ...]] = {
    "no or unknown credentials": (None, "stranger", "expired", "revoked", "no-key", ""),
    "`metrics`": ("metrics",),
    "own `customer:NAME`": ("charlie", "both"),
    "another's `customer:NAME`": ("alice",),
    "`read`": ("read",),
    "`admin`": ("admin",),
}
REFUSED = (401, 403)


@pytest.fixture(scope="module", name="client")
def client_fixture() -> Iterator[Client]:
    with two_months(input_pages=MadeUpPages([]), gate=gate_of_keys()).served() as client:
        yield client


def rows() -> dict[tuple[str, str], dict[str, int]]:
    """Return the table of docs/api.md: by method and path what each column says."""
    text = API.partition("## Who may see what\n")[2].partition("\n## ")[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    head, body = lines[0][1:], lines[2:]
    return {
        (method, path): dict(zip(head, map(int, cells), strict=True))
        for first, *cells in body
        for method, path in re.findall(r"`(GET|POST) ([^`]+)`", first)
    }


TABLE = rows()


def call(client: Client, method: str, path: str, who: str | None) -> Answer:
    """Return the answer to somebody; of a stream its beginning."""
    filled = path.format(customer="Charlie", type="MISC", month="2017-02", file="index.html")
    headers = {} if who is None else bearer(who)
    if "/live" in path:
        return beginning(client.port, filled, headers)
    if method == "POST":
        return client.request("POST", filled, b"{}", {"Content-Type": "application/json", **headers})
    return client.request(method, filled, headers=headers)


def beginning(port: int, path: str, headers: dict[str, Any]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), b"")
    finally:
        connection.close()


def test_the_table_has_every_path_and_no_other() -> None:
    """What needs a parameter of the query to be one's own has a row with and without it."""
    served = {(route.method, openapi_path(route.path)) for route in ROUTES}
    assert {(method, path.partition("?")[0]) for method, path in TABLE} == served
    by_query = {openapi_path(route.path) for route in ROUTES if route.need is Need.OWN_QUERY}
    assert {path.partition("?")[0] for _, path in TABLE if "?" in path} == by_query


@pytest.mark.parametrize(("method", "path"), TABLE, ids=lambda one: str(one))
def test_each_path_answers_as_the_table_says(client: Client, method: str, path: str) -> None:
    """401, 403, or let through."""
    for column, people in COLUMNS.items():
        for who in people:
            status = call(client, method, path, who).status
            told = TABLE[method, path][column]
            assert status == told or (told == 200 and status not in REFUSED and status < 500), (column, who)
            if method == "GET" and "/live" not in path:
                assert call(client, "HEAD", path, who).status == status


def test_no_scope_at_all_reaches_what_is_open_and_nothing_else(client: Client) -> None:
    """Besides who one is."""
    for method, path in TABLE:
        open_to_all = TABLE[method, path]["no or unknown credentials"] == 200 or path == "/whoami"
        assert call(client, method, path, "nothing").status == (200 if open_to_all else 403), path


def test_several_scopes_add_up(client: Client) -> None:
    """To what each of them allows."""
    for method, path in TABLE:
        row = TABLE[method, path]
        allowed = 200 in (row["`metrics`"], row["own `customer:NAME`"])
        assert (call(client, method, path, "scraping-charlie").status in REFUSED) != allowed, path


def test_a_route_needs_most_unless_it_says_otherwise() -> None:
    """One that forgets to say is nobody's but theirs who may see everything."""
    assert Route("GET", "/x", lambda request: None, "x").need is Need.ALL  # type: ignore[arg-type,return-value]


REFUSALS = [
    "/nope", "/customers/Bob", "/customers/Nobody", "/customers/Bob?month=x", "/customers/Bob/events?cursor=x",
    "/invoices/Bob/2017-01", "/invoices/Nobody/2017-01", "/invoices/Bob/nonsense", "/invoices?customer=Bob",
    "/invoices?customer=Nobody", "/invoices", "/invoices?customer=Alice&customer=Bob",
    "/invoices?customer=Bob&customer=Alice", "/invoices?limit=0", "/customers?prefix=B", "/customers?nope=1",
    "/types/NOPE", "/customers/Alice/nope", "/customers//", "/static", "/api/v1/subtotals?customer=Alice",
    "/customers?format=csv", "/customers/alice", "/customers/Alice%20", "/customers/%41lice%00", "/customers/Alice,Bob",
    "/customers/customer:Alice", "/customers/*", "/customers/Bob%2F..%2FAlice", "/metrics",
]  # fmt: skip


def test_a_customer_is_refused_alike_whatever_is_behind_a_path(client: Client) -> None:
    """What exists and what does not, whatever the parameters, whatever the method."""
    answers = [client.request("GET", path, headers=bearer("alice")) for path in REFUSALS]
    answers += [client.request(method, "/customers/Bob", headers=bearer("alice")) for method in ("PUT", "DELETE")]
    answers.append(client.request("GET", "/customers/Bob", headers=bearer("alice") | {"Host": "evil.example"}))
    assert {(answer.status, answer.body) for answer in answers} == {(403, answers[0].body)}
    assert answers[0].json["error"] == {"code": "forbidden", "message": "what you have shown does not allow this"}
    assert len({tuple(sorted(drop(answer, "Date").items())) for answer in answers}) == 1


def drop(answer: Answer, name: str) -> dict[str, str]:
    return {key: value for key, value in answer.headers.items() if key != name}


def test_nobody_is_refused_alike(client: Client) -> None:
    """With a 401 that says which credentials are taken."""
    answers = [client.get(path) for path in [*REFUSALS, "/customers/Alice"]]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}
    assert answers[0].json["error"]["code"] == "unauthorized"
    assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="billing"'
    assert answers[0].headers["Cache-Control"] == "no-store"


def test_a_data_source_is_told_in_a_sentence(client: Client) -> None:
    """Not by a 401, which Grafana's proxy passes on to the browser."""
    for answer in (client.get("/", Authorization="Bearer wrong"), client.post("/query", {})):
        assert (answer.status, answer.json["error"]["code"]) == (403, "forbidden")
        assert answer.json["message"].endswith("; set the header Authorization")
        assert "WWW-Authenticate" not in answer.headers


def test_two_headers_are_nobodys(client: Client) -> None:
    """A proxy may have looked at the other one."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
    try:
        connection.putrequest("GET", "/customers/Alice")
        for word in ("alice", "charlie"):
            connection.putheader("Authorization", bearer(word)["Authorization"])
        connection.endheaders()
        assert connection.getresponse().status == 401
    finally:
        connection.close()


def test_caches_tell_who_asks_apart(client: Client) -> None:
    """What one may see is kept for nobody else; an ETag opens nothing."""
    own = client.get("/customers/Alice", **bearer("alice"))
    assert own.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in own.headers["Vary"]
    again = client.get("/customers/Alice", **bearer("alice"), If_None_Match=own.headers["ETag"])
    assert (again.status, again.headers["Cache-Control"]) == (304, "private, no-cache")
    other = client.get("/customers/Alice", **bearer("charlie"), If_None_Match=own.headers["ETag"])
    assert other.status == 403
    assert "ETag" not in other.headers
    assert "Authorization" not in client.get("/healthz").headers.get("Vary", "")


def test_a_browser_may_ask_before_it_asks(client: Client) -> None:
    """Its question has no credentials, and the answer tells of the path's methods alone."""
    for path in ("/customers/Alice", "/customers/Nobody"):
        answer = client.request("OPTIONS", path)
        assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert client.request("OPTIONS", "/nope").status == 401


def test_who_am_i(client: Client) -> None:
    """The page asks it, to know what to show."""
    assert client.get("/whoami", **bearer("both")).json == {
        "name": "both", "scopes": [], "customers": ["Alice", "Charlie"], "access_control": True,
    }  # fmt: skip
    assert client.get("/whoami", **bearer("read")).json["scopes"] == ["read"]
    with two_months().served() as open_to_all:
        assert open_to_all.ok("/whoami") == {
            "name": "anybody", "scopes": ["admin"], "customers": [], "access_control": False,
        }  # fmt: skip


HOSTILE = [
    "a/b", "a%2Fb", "..", "../Bob", "Ä", "A\u0308", "ä", "customer:Bob", "admin", "*", "a,b", "{a}", " Bob", "Bob\t",
    "%", "?month=2017-02", "#", "\u202eboB", "B\u200bob", "'", '"', "Bob%00",
]  # fmt: skip


def test_hostile_names_are_taken_to_the_letter() -> None:
    """Who may see one of these sees it and none of the others, nor what looks like it."""
    names = [*HOSTILE, "Bob"]
    words = {f"k{number}": [f"customer:{name}"] for number, name in enumerate(names)}
    world = two_months(gate=Gate([KnownWords(words)]))
    for number, name in enumerate(names):
        world.event(name, 1_000_000 + number)
    with world.ready().served() as client:
        for number, own in enumerate(names):
            for name in names:
                for path in ("/customers/", "/api/v1/customer?customer="):
                    answer = client.get(path + quote(name, safe=""), Authorization=f"Bearer k{number}")
                    if name == own:
                        assert (answer.status, answer.json["customer"]) == (200, own)
                    else:
                        assert answer.status == 403, (own, name, path)
