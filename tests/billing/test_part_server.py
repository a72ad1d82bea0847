"""The HTTP server of a part: what it serves, and that it goes on serving whatever strangers do."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from prometheus_client import CollectorRegistry, Counter

from billing.errors import OperatorError
from billing.runtime import http_guard
from billing.runtime.part_server import MAX_CONNECTIONS, HealthCheck, Listening, part_served
from tests.pipeline import wait_until

HEALTH: list[HealthCheck] = []


@pytest.fixture
def port() -> Iterator[int]:
    registry = CollectorRegistry()
    Counter("events", "Events.", registry=registry).inc(3)
    HEALTH[:] = [HealthCheck("kafka", True, "a broker answers")]
    with part_served(registry, lambda: HEALTH, Listening("processor", "127.0.0.1", 0)) as bound:
        yield bound


def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def raw(port: int, data: bytes) -> bytes:
    """What comes back for these bytes, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        found = b""
        while piece := connection.recv(65_536):
            found += piece
        return found


def test_metrics_in_the_form_that_is_asked_for(port: int) -> None:
    """Text or OpenMetrics, compressed if that is taken."""
    status, headers, body = get(port, "/metrics")
    assert (status, b"events_total 3.0" in body) == (200, True)
    assert headers["Content-Type"].startswith("text/plain")
    _, headers, body = get(port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    _, headers, _ = get(port, "/metrics", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"


def test_ready_is_what_the_checks_say(port: int) -> None:
    """Each check by its name; alive it is all the same."""
    status, _, body = get(port, "/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ready")
    HEALTH.append(HealthCheck("commits", False, "the last 3 commits failed"))
    status, headers, body = get(port, "/readyz")
    assert (status, headers["Retry-After"]) == (503, "5")
    document = json.loads(body)
    assert document["message"] == "not ready: commits: the last 3 commits failed"
    assert [check["name"] for check in document["checks"]] == ["kafka", "commits"]
    assert get(port, "/healthz")[0] == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/x", 404), ("POST", "/metrics", 405)])
def test_errors_have_the_one_shape(port: int, method: str, path: str, status: int) -> None:
    """JSON with a message and a code."""
    found, headers, body = get(port, path, method)
    assert (found, headers["Content-Type"].partition(";")[0]) == (status, "application/json")
    assert json.loads(body)["error"]["message"]


def test_a_name_that_is_not_its_own_is_refused(port: int) -> None:
    """A web page that has pointed its own name here learns nothing; what `allowed_hosts` names is answered."""
    status, _, body = get(port, "/metrics", Host="evil.example")
    assert (status, json.loads(body)["error"]["code"]) == (421, "wrong_host")
    assert get(port, "/metrics", Host=socket.gethostname())[0] == 200
    assert raw(port, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")
    at = Listening("processor", "127.0.0.1", 0, ["billing.example"])
    with part_served(CollectorRegistry(), list, at) as named:
        assert get(named, "/metrics", Host="billing.example:9108")[0] == 200


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nA\x00: b\r\n\r\n",
     b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
     b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_gets_the_one_shape_and_no_banner(port: int, data: bytes) -> None:
    """A TLS greeting, garbage, too much of anything."""
    head, _, body = raw(port, data).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"aiohttp" not in head
    assert b"Python" not in head
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_more_idle_connections_than_places_lock_nobody_out(port: int) -> None:
    """The one that has waited longest makes room."""
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for _ in range(3 * MAX_CONNECTIONS)
        ]
        assert get(port, "/metrics")[0] == 200
        # Those that made room have been closed.
        assert sum(_is_closed(connection) for connection in idle) >= MAX_CONNECTIONS


def _is_closed(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except (TimeoutError, OSError):
        return False


def test_a_request_that_does_not_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it trickles in."""
    monkeypatch.setattr(http_guard, "REQUEST_SECONDS", 0.5)
    with part_served(CollectorRegistry(), list, Listening("processor", "127.0.0.1", 0)) as port:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        with connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")

            def closed() -> bool:
                try:
                    connection.sendall(b"A: b\r\n")
                except OSError:
                    return True
                return _is_closed(connection)

            wait_until(closed, 120.0, "closed")


def test_it_leaves_no_thread_and_frees_its_port() -> None:
    """A second one may listen on the same port at once."""
    with part_served(CollectorRegistry(), list, Listening("processor", "127.0.0.1", 0)) as port:
        pass
    assert not [thread for thread in threading.enumerate() if thread.name == "part-server"]
    with part_served(CollectorRegistry(), list, Listening("processor", "127.0.0.1", port)) as again:
        assert again == port


def test_a_port_that_is_taken_is_named(port: int) -> None:
    """With its setting."""
    taken = rf"cannot listen on port {port} \(invoicer_port\): .*; choose another port"
    with (
        pytest.raises(OperatorError, match=taken),
        part_served(CollectorRegistry(), list, Listening("invoicer", "127.0.0.1", port)),
    ):
        pass
