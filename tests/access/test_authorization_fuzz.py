"""Whatever a stranger writes into Authorization, they are told the same, and nothing of it comes back."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from aiohttp import web
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from billing.access.key_times import KeyTimes
from billing.runtime.access.gate import Gate
from billing.runtime.access.provider_keys import ProviderKeys
from billing.runtime.access.tokens import TokenAuthenticator
from billing.runtime.http_guard import listening
from tests.access.provider import RULES, claims, ec_signer, jwks, part, token
from tests.exporter.client import Client
from tests.exporter.world import two_months

EC = ec_signer()
# Longer than any run of the tests takes.
GOOD = token(EC, claims(time.time(), exp=int(time.time()) + 86_400, groups=["owners"]))
PATHS = ("/customers", "/customers/Charlie", "/metrics", "/whoami", "/nowhere", "/query")


class OneKey:
    """A source that has one key set."""

    def read(self) -> str:
        """Return it."""
        return jwks(EC)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    registry = CollectorRegistry()
    keys = ProviderKeys(OneKey(), KeyTimes(3_600, 3_600, 3_600), registry)
    keys.read_now()
    world = two_months(gate=Gate([TokenAuthenticator(RULES, keys, registry)]))
    with guarded(world.app) as port:
        yield Client(port)


@contextmanager
def guarded(make_app: Callable[[], web.Application]) -> Iterator[int]:
    """Serve as a running part does, and not as other tests do: what is no HTTP is answered and logged otherwise."""
    loop, stop, started = asyncio.new_event_loop(), asyncio.Event(), Future[int]()

    async def serve() -> None:
        async with listening(make_app(), "127.0.0.1", 0, 64, 1.0) as port:
            started.set_result(port)
            await stop.wait()

    with closing(loop), ThreadPoolExecutor(1) as thread:
        serving = thread.submit(loop.run_until_complete, serve())
        try:
            yield started.result(60)
        finally:
            loop.call_soon_threadsafe(stop.set)
            serving.result(60)


def sent(client: Client, path: str, *headers: bytes) -> tuple[int, bytes]:
    """The status of the answer to a request with these lines as they are, and all of it."""
    with closing(socket.create_connection(("127.0.0.1", client.port), timeout=60)) as connection:
        lines = [f"GET {path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close", *headers, b"", b""]
        connection.sendall(b"\r\n".join(lines))
        answer = b""
        while received := connection.recv(65_536):
            answer += received
    return int(answer.split(b" ", 2)[1]), answer


schemes = st.sampled_from([b"Bearer ", b"bearer  ", b"BEARER\t", b"Basic ", b"Digest ", b"Negotiate ", b"", b"Bearer"])
octets = st.binary(max_size=300).map(lambda some: some.translate(None, b"\r\n\0"))
shapes = (
    octets
    | st.tuples(octets, octets, octets).map(b".".join)
    | st.tuples(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60)).map(
        lambda parts: ".".join(map(part, parts)).encode()
    )
    | st.integers(0, len(GOOD)).map(lambda end: GOOD[:end].encode())
    | st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=1)).map(
        lambda change: GOOD[: change[0]].encode() + change[1].translate(None, b"\r\n\0") + GOOD[change[0] :].encode()
    )
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scheme=schemes, credentials=shapes, path=st.sampled_from(PATHS))
def test_no_header_lets_in_or_comes_back(client: Client, scheme: bytes, credentials: bytes, path: str) -> None:
    """No error of ours, no part of it in the answer; with bytes that no header may have, the request is refused."""
    assume(credentials.strip() != GOOD.encode())
    status, answer = sent(client, path, b"Authorization: " + scheme + credentials)
    assert status in (400, 401), answer
    assert len(credentials) < 12 or credentials not in answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"www-authenticate: bearer" in head.lower() or status == 400
    assert body.startswith(b'{"message"')


def test_the_right_one_lets_in(client: Client) -> None:
    """However the scheme is written, and with spaces around."""
    for header in (b"Bearer " + GOOD.encode(), b"bEARER   " + GOOD.encode() + b"  "):
        assert sent(client, "/customers", b"Authorization: " + header)[0] == 200
        assert sent(client, "/customers", b"authorization:" + header)[0] == 200


@pytest.mark.parametrize("after", [b"\x01", b"\x7f\x00", b"\xff", b" \x0b", b"\n\x01"])
def test_a_right_one_with_bytes_that_no_header_may_have_is_not_told(
    client: Client, caplog: pytest.LogCaptureFixture, after: bytes
) -> None:
    """Neither to whoever reads the log, nor to whoever reads the answer."""
    caplog.set_level("DEBUG")
    status, answer = sent(client, "/customers", b"Authorization: Bearer " + GOOD.encode() + after)
    assert status in (400, 401)
    signature = GOOD.rpartition(".")[2]
    assert signature.encode() not in answer
    assert signature not in caplog.text


def test_two_headers_are_none(client: Client) -> None:
    """A proxy in front may have read the other one."""
    good, other = b"Authorization: Bearer " + GOOD.encode(), b"Authorization: Bearer x"
    for headers in ((good, other), (other, good), (good, good)):
        assert sent(client, "/customers", *headers)[0] in (400, 401)


def test_a_token_elsewhere_is_none(client: Client) -> None:
    """In an address it would stand in every log on the way, in a cookie other pages could send it."""
    for path in (f"/whoami?access_token={GOOD}", f"/whoami?token={GOOD}"):
        status, answer = sent(client, path)
        assert status in (400, 401)
        assert GOOD.encode() not in answer
    for header in (b"Cookie: token=", b"X-Api-Key: ", b"Proxy-Authorization: Bearer ", b"X-Authorization: Bearer "):
        assert sent(client, "/whoami", header + GOOD.encode())[0] == 401
