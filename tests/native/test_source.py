"""Where records cannot be read natively they come through Python; where one comes astray, everything is read again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from billing.runtime.native import client
from billing.runtime.native.source import NativeSource, StrayRecordError, record_source


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """What a test changes is looked at, and forgotten afterwards."""
    client.native_library.cache_clear()
    yield
    client.native_library.cache_clear()


@pytest.mark.parametrize("reason", ["another version", "no library", "another library", "switched off"])
def test_what_was_not_tried_is_read_through_python(
    reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    """With a warning, and nobody's memory is looked at."""
    monkeypatch.setattr(client, "handle_of", lambda *_: pytest.fail("the handle was looked for"))
    if reason == "another version":
        monkeypatch.setattr(client, "TRIED_VERSIONS", ("0.0.1",))
    elif reason == "no library":
        monkeypatch.setattr(client, "_candidates", list)
    elif reason == "another library":
        (tmp_path / "librdkafka.so").write_bytes(b"not a library")
        monkeypatch.setattr(client, "_candidates", lambda: [tmp_path / "librdkafka.so"])
    nothing: Any = None
    source = record_source(nothing, nothing, "qb", "incoming", 10, natively=reason != "switched off")
    assert not source.is_native
    assert "records are read through Python, which is slower" in caplog.text


@dataclass
class FakeMessage:
    """What came through the client's own queue."""

    failure: str | None

    def error(self) -> str | None:
        return self.failure

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 7


@dataclass
class FakeQueue:
    """A queue that nothing waits in, and how long was waited for it."""

    has_partitions: bool = True
    waits: list[float] = field(default_factory=list)

    def drain(self, wait_seconds: float) -> tuple[list[Any], list[Any]]:
        self.waits.append(wait_seconds)
        return [], []


@dataclass
class FakeClient:
    """A client that has one message, and how long was waited for it."""

    message: FakeMessage | None
    waits: list[float] = field(default_factory=list)

    def poll(self, wait_seconds: float) -> FakeMessage | None:
        self.waits.append(wait_seconds)
        return self.message


def native_source(message: FakeMessage | None) -> NativeSource:
    polled: Any = FakeClient(message)
    queue: Any = FakeQueue()
    return NativeSource(polled, queue)


@pytest.mark.parametrize("has_partitions", [True, False])
def test_who_has_no_partitions_waits_for_the_group(has_partitions: bool) -> None:
    """What it has to tell does not come through the queue, so nobody waits there."""
    client, queue = FakeClient(None), FakeQueue(has_partitions)
    polled: Any = client
    records: Any = queue
    NativeSource(polled, records).take(0.25)
    assert client.waits == [0 if has_partitions else 0.25]
    assert queue.waits == ([0.25] if has_partitions else [])


def test_a_record_on_the_clients_own_queue_is_not_taken() -> None:
    """It would come out of order."""
    with pytest.raises(StrayRecordError, match="partition 3, offset 7"):
        native_source(FakeMessage(None)).take(0)


def test_an_error_on_the_clients_own_queue_is_told() -> None:
    """As `consume()` would."""
    _, errors = native_source(FakeMessage("broken")).take(0)
    assert [(error.partition, error.error) for error in errors] == [(3, "broken")]
