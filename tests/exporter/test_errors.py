"""Every error has the one shape, whatever went wrong and wherever."""

import logging
from typing import Any

import pytest

from billing.runtime.topic_reader import Record
from exporter.application import MAX_BODY_BYTES, ROUTES
from exporter.model.view import View
from exporter.web.openapi import openapi_path
from exporter.web.routes import Route
from tests.exporter.client import Answer
from tests.exporter.world import World, charlie

# Paths that answer without the numbers.
WITHOUT_NUMBERS = {
    ("GET", "/"), ("GET", "/healthz"), ("GET", "/openapi.json"), ("GET", "/metrics"), ("GET", "/static/{file}"),
    ("POST", "/metrics"), ("POST", "/tag-keys"), ("GET", "/api/v1/live"), ("GET", "/runbook"), ("GET", "/whoami"),
    ("GET", "/api/v1/customer/live"),
}  # fmt: skip
WITH_NUMBERS = [route for route in ROUTES if (route.method, openapi_path(route.path)) not in WITHOUT_NUMBERS]
BODIES: dict[str, Any] = {
    "/search": {"target": "customers"},
    "/query": {"targets": [{"target": "totals"}]},
    "/variable": {"payload": {"target": "customers"}},
    "/metric-payload-options": {"name": "customer"},
    "/tag-values": {"key": "customer"},
}


def assert_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Check an error's shape, and return it."""
    document: dict[str, Any] = answer.json
    assert answer.status == status, document
    assert set(document) == {"message", "error"}
    assert set(document["error"]) - {"field"} == {"code", "message"}
    assert document["error"]["code"] == code
    assert document["message"] == document["error"]["message"] != ""
    assert "Traceback" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return document


def call(route: Route) -> tuple[str, str, Any]:
    path = openapi_path(route.path).format(customer="Charlie", type="MISC", month="2017-02", file="index.html")
    query = "?customer=Charlie" if route.path.startswith("/api/v1/customer") and "customer" in route.query_names else ""
    return route.method, path + query, BODIES.get(route.path)


@pytest.mark.parametrize(
    "path", ["/nope", "/customers/a/b", "/invoices/a", "/static/nope.js", "/static/../app.py", "//"]
)
def test_unknown_paths(path: str) -> None:
    """What is not there is a 404 with the shape."""
    with charlie().served() as client:
        assert_problem(client.get(path), 404, "not_found")
        if not path.startswith("/static"):
            assert_problem(client.post(path, {}), 404, "not_found")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_wrong_methods(route: Route) -> None:
    """Each path names the methods that it takes."""
    with charlie().served() as client:
        _, path, _ = call(route)
        answer = client.request("DELETE", path)
        assert_problem(answer, 405, "method_not_allowed")
        assert route.method in answer.headers["Allow"]


@pytest.mark.parametrize("route", WITH_NUMBERS, ids=lambda route: f"{route.method} {route.path}")
def test_not_known_yet(route: Route) -> None:
    """While catching up each path with numbers answers 503 and says when to ask again."""
    world = World()
    world.event("Charlie", 1)
    world.commit()
    with world.served() as client:
        method, path, body = call(route)
        answer = client.get(path) if method == "GET" else client.post(path, body)
        assert_problem(answer, 503, "catching_up")
        assert answer.headers["Retry-After"] == "1"
        assert "Charlie" not in answer.text.replace("/Charlie", "")


@pytest.mark.parametrize(
    "route", [r for r in WITH_NUMBERS if r.path != "/readyz"], ids=lambda r: f"{r.method} {r.path}"
)
def test_a_bug_tells_nothing(route: Route, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An exception is a 500 without a word of it; the log has the trace."""
    world = charlie()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    for name in (
        "months",
        "newest_month",
        "customers",
        "customer_months",
        "named",
        "hour_range",
        "month_sums",
        "next_offsets",
    ):
        monkeypatch.setattr(View, name, broken)
    monkeypatch.setattr(View, "as_of_ms", property(broken))
    with world.served() as client, caplog.at_level(logging.ERROR, "exporter"):
        method, path, body = call(route)
        answer = client.get(path) if method == "GET" else client.post(path, body)
    assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert "the secret inside" in caplog.text


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("route", [r for r in ROUTES if r.method == "POST"], ids=lambda route: route.path)
def test_bodies_that_are_no_json(route: Route) -> None:
    """Half a document, a list, or far too much of it."""
    with charlie().served() as client:
        for body in (b"{", b"[]", b"\xff", b"null", b"1"):
            assert_problem(client.request("POST", route.path, body, JSON), 400, "bad_json")
        too_much = b'{"target":"' + b"x" * MAX_BODY_BYTES + b'"}'
        assert_problem(client.request("POST", route.path, too_much, JSON), 413, "too_large")


def test_a_newer_version_is_told() -> None:
    """It says what to do about it."""
    world = charlie()
    world.model.apply([Record(0, 99, b"progress|0", b'{"v":9}', 0)])
    with world.served() as client:
        document = assert_problem(client.get("/customers/Charlie"), 503, "unknown_version")
        assert "update this program" in document["message"]
        assert_problem(client.get("/readyz"), 503, "unknown_version")
        assert client.get("/healthz").status == 200


def test_a_failed_feed_is_told() -> None:
    """Nothing is served that would grow old without a word."""
    world = charlie()
    world.model.stop("the reading of the topics has failed: no more")
    with world.served() as client:
        assert "no more" in assert_problem(client.get("/types"), 503, "stopped")["message"]
