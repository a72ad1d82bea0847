"""What keeps hostile pages out holds with access control as without it: no CORS, JSON alone, own names, headers."""

from collections.abc import Iterator

import pytest

from exporter.application import ROUTES
from exporter.web.openapi import openapi_path
from tests.access.known import bearer, gate_of_keys
from tests.access.test_who_may_see_what import call
from tests.exporter.client import Client
from tests.exporter.input_log import MadeUpPages
from tests.exporter.world import two_months

WHO = (None, "stranger", "charlie", "admin")
PATHS = sorted({(route.method, openapi_path(route.path)) for route in ROUTES})


@pytest.fixture(scope="module", name="client")
def client_fixture() -> Iterator[Client]:
    with two_months(input_pages=MadeUpPages([]), gate=gate_of_keys()).served() as client:
        yield client


@pytest.mark.parametrize("who", WHO)
def test_no_answer_may_be_read_by_another_origin(client: Client, who: str | None) -> None:
    """Whether it is let in or refused; nor may a browser guess what an answer is."""
    for method, path in PATHS:
        answer = call(client, method, path, who)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")], (method, path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", (method, path)


def test_a_browser_that_asks_first_is_told_no(client: Client) -> None:
    """A page elsewhere that wants to send JSON or a key has to ask, and no answer allows it."""
    asking = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    for path in ("/query", "/customers", "/overview"):
        answer = client.request("OPTIONS", path, headers=asking)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_any_page_could_send_is_refused_with_a_key_too(client: Client, kind: str) -> None:
    """What a browser adds of itself, such as a password, makes no difference."""
    answer = client.request("POST", "/query", b'{"targets": []}', {"Content-Type": kind, **bearer("admin")})
    assert (answer.status, answer.json["error"]["code"]) == (415, "bad_media_type")


@pytest.mark.parametrize("path", ["/customers", "/metrics", "/types/MISC", "/static/main.js"])
def test_a_name_that_is_not_its_own_is_refused_with_a_key_too(client: Client, path: str) -> None:
    """A page that has pointed its own name here learns nothing, whatever its visitor's browser knows."""
    answer = client.request("GET", path, headers={"Host": "evil.example", **bearer("admin")})
    assert answer.status == 421


@pytest.mark.parametrize("who", WHO)
def test_the_page_keeps_its_policy(client: Client, who: str | None) -> None:
    """It runs its own code alone, and nobody may frame it."""
    headers = {"Accept": "text/html", **({} if who is None else bearer(who))}
    answer = client.request("GET", "/", headers=headers)
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
