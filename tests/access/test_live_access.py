"""A live stream shows a customer theirs alone, and ends with the key that it was opened by."""

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from billing.access.keys import Key, Keys
from billing.access.principal import Principal
from billing.access.secret_key import hash_of, new_key
from billing.runtime.access.gate import Gate
from billing.runtime.access.keys_file import BearerKeys
from exporter.rest import live
from tests.access.canary import CANARY, OWN, bearer, traces, world
from tests.exporter.world import CHARLIE_MS, two_months

END_SECONDS = 60.0


@contextmanager
def opened(port: int, customer: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    """A stream of a customer's document."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=END_SECONDS)
    try:
        connection.request("GET", f"/api/v1/customer/live?customer={quote(customer, safe='')}", headers=headers)
        yield connection.getresponse()
    finally:
        connection.close()


def test_a_customers_stream_holds_nothing_of_others() -> None:
    """Neither at once nor when something changes; and another's is not opened."""
    made = world()
    with made.served() as client:
        with opened(client.port, CANARY, bearer("own")) as refused:
            assert refused.status == 403
        with opened(client.port, OWN, bearer("own")) as stream:
            assert stream.status == 200
            assert not traces(str(stream.headers))
            documents = 0
            while documents < 2:
                line = stream.readline().decode()
                assert line
                assert not traces(line)
                if line.startswith("data: "):
                    documents += 1
                    made.event(CANARY, 1_000_000, "CALL", CHARLIE_MS)
                    made.event(OWN, 1_000_000, "CALL", CHARLIE_MS)
                    made.commit()


def test_a_stream_ends_when_its_key_is_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would otherwise show what comes for as long as nobody closes it."""
    monkeypatch.setattr(live, "LONGEST_SECONDS", 0.2)
    key, taken = new_key(), [Keys()]
    taken[0] = Keys([Key(hash_of(key), Principal.of("bob", ["customer:Bob"]))])
    with (
        two_months(gate=Gate([BearerKeys(lambda: taken[0])])).served() as client,
        opened(client.port, "Bob", {"Authorization": f"Bearer {key}"}) as stream,
    ):
        while not stream.readline().startswith(b"data: "):
            pass
        taken[0] = Keys()
        deadline = time.monotonic() + END_SECONDS
        while stream.readline():
            assert time.monotonic() < deadline, "the stream goes on"
