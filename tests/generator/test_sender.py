"""Sending, with a producer that stands in for a real one."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from billing.event import BillableEvent
from billing.period import MonthCalendar
from billing.settings import Settings
from generator.events import GeneratedEvent
from generator.expected import ExpectedTotals
from generator.sender import EventSender, SendError, UndeliveredError

EVENT = GeneratedEvent(b"1488142855,Charlie,199.99", None, BillableEvent(1_488_142_855_000, "Charlie", 199_990_000))


class FakeProducer:
    """Keeps at most `room` records until it is told to confirm them."""

    def __init__(self, room: int = 10) -> None:
        self.room = room
        self.waiting: list[Callable[[KafkaError | None, Any], None]] = []
        self.error: KafkaError | None = None
        self.confirms = True

    def produce(self, topic: str, value: bytes | None, key: bytes | None, on_delivery: Any) -> None:
        if len(self.waiting) >= self.room:
            raise BufferError("queue full")
        self.waiting.append(on_delivery)

    def poll(self, timeout: float) -> int:
        if not self.confirms:
            return 0
        for on_delivery in self.waiting:
            on_delivery(self.error, None)
        self.waiting.clear()
        return 0

    def flush(self, timeout: float) -> int:
        self.poll(timeout)
        return len(self.waiting)


def make(producer: FakeProducer) -> tuple[EventSender, ExpectedTotals]:
    totals = ExpectedTotals(MonthCalendar())
    return EventSender(Settings(), totals, producer), totals


def test_an_event_counts_when_it_is_confirmed() -> None:
    """Handing over is not enough: totals hold what the broker has."""
    sender, totals = make(FakeProducer())
    assert sender.send(EVENT)
    assert (sender.confirmed, totals.accepted) == (0, 0)
    sender.poll()
    assert (sender.confirmed, totals.accepted, totals.accepted_micros) == (1, 1, 199_990_000)


def test_a_full_queue_says_so_and_loses_nothing() -> None:
    """Without room the caller is told, and may try again after polling."""
    sender, totals = make(FakeProducer(room=1))
    assert [sender.send(EVENT), sender.send(EVENT)] == [True, False]
    sender.poll()
    assert sender.send(EVENT)
    sender.close()
    assert totals.accepted == 2


def test_a_refused_event_is_an_error() -> None:
    """The totals leave it out and the operator hears of it."""
    producer = FakeProducer()
    producer.error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    sender, totals = make(producer)
    sender.send(EVENT)
    with pytest.raises(SendError, match=r"billableevents\.incoming"):
        sender.poll()
    assert totals.accepted == 0


def test_an_event_that_the_client_refuses_is_an_error() -> None:
    """What produce() itself raises reaches the operator in the same shape."""
    producer = FakeProducer()

    def refuse(*_: object, **__: object) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL))

    producer.produce = refuse  # type: ignore[method-assign]
    with pytest.raises(SendError, match="not sent"):
        make(producer)[0].send(EVENT)


def test_closing_without_a_broker_says_what_is_not_known() -> None:
    """Unconfirmed events are neither counted nor passed over in silence."""
    producer = FakeProducer()
    producer.confirms = False
    sender, totals = make(producer)
    sender.send(EVENT)
    with pytest.raises(UndeliveredError, match="last 1 events"):
        sender.close(timeout_seconds=0.0)
    assert totals.accepted == 0
