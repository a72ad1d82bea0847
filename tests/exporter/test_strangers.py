"""What strangers and hostile pages send: it is refused with its reason, and nobody else notices."""

import base64
import gzip
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.web.middleware import is_allowed_host
from exporter.web.request_body import BODY_SECONDS
from tests.exporter.client import Client
from tests.exporter.world import two_months

# A pattern that sends a backtracking engine round for longer than anybody waits.
HOSTILE = [".*" * 99, "(a+)+$", "(a|a)*b", "(.*)*x", r"(\w+\s?)+!", "a?" * 60 + "a" * 60]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    world = two_months()
    world.event("a" * 200, 1)
    with world.ready().served() as client:
        yield client


@pytest.mark.parametrize("pattern", HOSTILE)
@pytest.mark.parametrize("operator", ["=~", "!~"])
def test_no_pattern_holds_anybody_up(client: Client, pattern: str, operator: str) -> None:
    """It is matched in time that grows with the text alone, or refused."""
    filters = [{"key": "customer", "operator": operator, "value": pattern}]
    target = {"target": "customers", "refId": "A", "type": "table"}
    answer = client.post("/query", {"targets": [target], "adhocFilters": filters})
    assert answer.status in (200, 422)
    assert client.get("/healthz").status == 200


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)", "(?<!a)b", "(", "[", "a{1,100000}", "a" * 501])
def test_what_is_no_pattern_says_so(client: Client, pattern: str) -> None:
    """Look-around and references are not RE2's; the sentence is the engine's."""
    filters = [{"key": "customer", "operator": "=~", "value": pattern}]
    answer = client.post("/query", {"targets": [{"target": "customers"}], "adhocFilters": filters})
    assert (answer.status, answer.json["error"]["code"]) == (422, "bad_filter")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_that_any_page_could_send_is_refused(client: Client, kind: str) -> None:
    """Browsers send these without asking first; JSON they ask for, and are told no."""
    answer = client.request("POST", "/query", b'{"targets": []}', {"Content-Type": kind})
    assert (answer.status, answer.json["error"]["code"]) == (415, "bad_media_type")


@pytest.mark.parametrize("body", [b"\x1f\x8b broken", gzip.compress(b"{}", mtime=0)[:-4] + b"xxxx", b""])
def test_a_broken_compression_is_the_senders_fault(client: Client, body: bytes) -> None:
    """Not a bug of ours."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.request("POST", "/query", body, headers).status in (200, 400)


def test_a_small_body_that_unpacks_to_a_large_one_is_refused(client: Client) -> None:
    """The limit is on what it holds."""
    body = gzip.compress(b" " * 50_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.request("POST", "/query", body, headers).status in (400, 413)


@pytest.mark.parametrize(
    "change",
    [{"type": ["DATA"]}, {"type": {}}, {"type": 5}, {"month": ["2017-02"]}, {"month": "x"}, {"prefix": []},
     {"sort": []}, {"value": [1]}, {"value": "9" * 5_000}, {"value": "x"}, {"customer": {}}, {"customer": None}],
)  # fmt: skip
def test_a_cursor_with_anything_in_it_is_no_cursor(client: Client, change: dict[str, object]) -> None:
    """Each field is of its type, or the whole is refused."""
    fields = {"month": "2017-02", "type": None, "prefix": "", "sort": "total", "value": "1", "customer": "Bob"}
    text = base64.urlsafe_b64encode(json.dumps({**fields, **change}).encode()).decode().rstrip("=")
    answer = client.get(f"/customers?cursor={text}")
    assert (answer.status, answer.json["error"]["field"]) == (400, "cursor")


@pytest.mark.parametrize("name", ["a" * 5_000, "%00", "..%2f..%2fapp.py", "a/" * 400, "%2e%2e/app.py", "js"])
def test_a_static_name_that_is_none_is_not_found(client: Client, name: str) -> None:
    """Whatever a file system would say of it."""
    assert client.get(f"/static/{name}").status == 404


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("localhost", True), ("localhost:8080", True), ("127.0.0.1:8080", True), ("[::1]:8080", True), ("10.1.2.3", True),
     ("billing.example", True), ("Billing.Example:443", True), ("app.localhost", True), ("exporter:8080", False),
     ("evil.example", False), ("localhost.evil.example", False), ("127.0.0.1.evil.example", False), ("", False)],
)  # fmt: skip
def test_which_names_are_its_own(host: str, allowed: bool) -> None:
    """Localhost, addresses, and what is allowed by name."""
    assert is_allowed_host(host, ("billing.example",), "0.0.0.0") is allowed
    assert is_allowed_host(host, ("*",), "0.0.0.0")


def test_a_name_that_is_not_its_own_is_refused(client: Client) -> None:
    """A page that has pointed its own name here learns nothing."""
    answer = client.request("GET", "/customers", headers={"Host": "evil.example"})
    assert (answer.status, answer.json["error"]["code"]) == (421, "wrong_host")


def test_a_body_that_never_ends_holds_up_nobody(client: Client) -> None:
    """It is given up after a while; others are answered meanwhile."""
    with socket.create_connection(("127.0.0.1", client.port), timeout=BODY_SECONDS + 20) as slow:
        slow.sendall(
            b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
        )
        with ThreadPoolExecutor(8) as pool:
            assert {answer.status for answer in pool.map(lambda _: client.get("/months"), range(50))} == {200}
        deadline = time.monotonic() + BODY_SECONDS + 15
        answer = b""
        while b"408" not in answer and time.monotonic() < deadline:
            answer += slow.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408")
