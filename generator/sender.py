"""Sends generated events to Kafka and counts each one when the broker has confirmed it."""

import time
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from billing.errors import OperatorError
from billing.runtime.client_errors import raise_if_forbidden
from billing.runtime.kafka import client_config
from billing.runtime.logs import get_logger
from billing.settings import Settings
from generator.events import GeneratedEvent
from generator.expected import ExpectedTotals

logger = get_logger(__name__)

FLUSH_SECONDS = 30.0
# Short enough for a second Ctrl-C to be heard.
FLUSH_SLICE_SECONDS = 0.2


class SendError(OperatorError):
    """The broker refused an event, or the producer cannot go on without the risk of repeating one."""


class UndeliveredError(OperatorError):
    """Events that no broker confirmed: whether they are in the topic is not known."""


def producer_config(settings: Settings) -> dict[str, object]:
    """Return the options of a producer that repeats nothing, keeps the order and waits out any broker outage."""
    return {
        "enable.idempotence": True,
        "message.timeout.ms": 0,
        "linger.ms": 20,
        "batch.size": 1_000_000,
        "compression.type": "lz4",
        "queue.buffering.max.messages": 100_000,
        **client_config(settings),
    }


class EventSender:
    """Sends records to one topic.

    Args:
        settings: where the broker is, and the topic.
        totals: counts the records that were confirmed; None counts nothing.
        producer: stands in for a real producer in tests.
    """

    def __init__(self, settings: Settings, totals: ExpectedTotals | None, producer: Any = None) -> None:
        self.confirmed = 0
        self._topic = settings.input_topic
        self._totals = totals
        self._failure: KafkaError | None = None
        self._trouble: int | None = None
        self._producer = producer or Producer({**producer_config(settings), "error_cb": self._on_error})

    def send(self, event: GeneratedEvent) -> bool:
        """Hand one record over; return whether there was room. Without room, poll and try again.

        Raises:
            SendError: the broker refused a record, or the producer cannot go on.
        """
        try:
            self._producer.produce(
                self._topic, value=event.payload, key=event.key, on_delivery=partial(self._on_delivery, event)
            )
        except BufferError:
            return False
        except KafkaException as error:
            raise SendError(f"event not sent to {self._topic}: {error.args[0].str()}") from error
        return True

    def poll(self, timeout_seconds: float = 0.0) -> None:
        """Take in confirmations, for at most this long.

        Raises:
            SendError: the broker refused a record, or the producer cannot go on.
        """
        self._producer.poll(timeout_seconds)
        self._check()

    def close(self, timeout_seconds: float = FLUSH_SECONDS) -> None:
        """Wait until every record is confirmed.

        Raises:
            UndeliveredError: some were not confirmed in time.
            SendError: the broker refused a record.
        """
        deadline = time.monotonic() + timeout_seconds
        waiting = self._producer.flush(FLUSH_SLICE_SECONDS)
        while waiting and self._failure is None and time.monotonic() < deadline:
            waiting = self._producer.flush(FLUSH_SLICE_SECONDS)
        self._check()
        if waiting:
            raise UndeliveredError(
                f"no broker confirmed the last {waiting} events within {timeout_seconds:g} s: some may be missing"
            )

    def _on_delivery(self, event: GeneratedEvent, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failure = error
            return
        self.confirmed += 1
        if self._totals is not None:
            self._totals.add(event)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failure = error
        elif error.code() != self._trouble:
            # The client tries again by itself; one line for each kind of trouble is enough.
            self._trouble = error.code()
            logger.warning("broker trouble", error=error.str())

    def _check(self) -> None:
        if self._failure is not None:
            raise_if_forbidden(KafkaException(self._failure), f"write topic {self._topic}")
            raise SendError(f"events not sent to {self._topic}: {self._failure.str()}")
