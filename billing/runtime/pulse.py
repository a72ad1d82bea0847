"""Whether a part is well: does its work go on, and does Kafka answer. Told by its threads, asked by its server."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException

from billing.runtime.client_errors import ClientErrors
from billing.runtime.kafka import reader_config
from billing.runtime.part_server import HealthCheck
from billing.runtime.repeated_work import RepeatedWork
from billing.settings import Settings

PROBE_SECONDS = 5.0
_PROBE_ANSWER_SECONDS = 4.0


class Pulse:
    """The work of a part, as far as its thread has told.

    Args:
        name: of the work, as the check is called.
        silent_seconds: how long it may be silent and still be at work.
        clock: seconds of a monotonic clock.
    """

    def __init__(self, name: str, silent_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._silent_seconds, self._clock = name, silent_seconds, clock
        self._beat_at: float | None = None
        self._failure: str | None = None

    def beat(self) -> None:
        """Say that the work goes on."""
        self._beat_at, self._failure = self._clock(), None

    def fail(self, why: str) -> None:
        """Say that the work has failed and will be tried again."""
        self._failure = why

    def check(self) -> HealthCheck:
        """Return how the work goes."""
        if self._failure is not None:
            return HealthCheck(self._name, False, f"failed, it is tried again: {self._failure}")
        if self._beat_at is None:
            return HealthCheck(self._name, False, "has not begun yet")
        silent_seconds = self._clock() - self._beat_at
        if silent_seconds > self._silent_seconds:
            return HealthCheck(self._name, False, f"nothing has happened for {silent_seconds:.0f} seconds")
        return HealthCheck(self._name, True, "goes on")


class KafkaProbe(RepeatedWork):
    """Asks the brokers every few seconds whether they answer. Use it as a context manager.

    Args:
        settings: where they are.
        topic: which one to ask about: one that the part may see.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        super().__init__("kafka-probe", PROBE_SECONDS)
        self._settings, self._topic, self._errors = settings, topic, ClientErrors()
        # A consumer, whose question makes no broker make a topic.
        self._client = Consumer({**reader_config(settings), "log_level": 0, "error_cb": self._errors})
        self._answers: bool | None = None
        self._silence = ""

    def check(self) -> HealthCheck:
        """Return whether a broker has answered the newest question."""
        if self._answers is None:
            return HealthCheck("kafka", False, "no broker has answered yet")
        if not self._answers:
            return HealthCheck("kafka", False, self._silence)
        return HealthCheck("kafka", True, "a broker answers")

    def work(self) -> None:
        """Ask once."""
        try:
            # Not DescribeCluster: where a broker names none, not even itself, librdkafka 2.12 ends the process.
            self._client.list_topics(self._topic, timeout=_PROBE_ANSWER_SECONDS)
            self._answers = True
        except KafkaException:
            self._silence = self._why_silent()
            self._answers = False

    def _why_silent(self) -> str:
        self._client.poll(0)
        servers = self._settings.bootstrap_servers
        refusal = self._errors.refusal(servers, self._settings.kafka)
        return f"no broker answers at {servers}" if refusal is None else str(refusal)
