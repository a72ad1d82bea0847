"""A reader of a whole topic that was just made."""

import time
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from billing.runtime import reader_state
from billing.runtime.topic_reader import TopicReader
from billing.settings import load_settings


class Said:
    """What a client gives in the place of a record."""

    def __init__(self, partition: int, offset: int, code: int) -> None:
        self._place, self._error = (partition, offset), KafkaError(code)

    def error(self) -> KafkaError:
        return self._error

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]


class Client:
    """A client that says what it is told to, and notes where it was sent."""

    def __init__(self, _: dict[str, Any]) -> None:
        self.said: list[Said] = []
        self.sought: list[tuple[int, int]] = []

    def list_topics(self, *_: object, **__: object) -> None:
        """Know nothing."""

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.assigned = partitions

    def seek(self, place: TopicPartition) -> None:
        self.sought.append((place.partition, place.offset))

    def consume(self, *_: object) -> list[Said]:
        said, self.said = self.said, []
        return said

    def close(self) -> None:
        """Do nothing."""


def reader(monkeypatch: pytest.MonkeyPatch, starts: dict[int, int] | None = None) -> tuple[TopicReader, Client]:
    monkeypatch.setattr(reader_state, "Consumer", Client)
    made = TopicReader(load_settings({}, {}), "topic", 2, starts)
    client = made._consumer
    assert isinstance(client, Client)
    return made, client


def test_a_broker_that_does_not_know_a_new_topic_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client asks once for the first offset of a partition; the end of the partition comes all the same."""
    made, client = reader(monkeypatch)
    client.said = [Said(1, -1001, KafkaError._AUTO_OFFSET_RESET), Said(0, 0, KafkaError._PARTITION_EOF)]
    assert made.poll() == []
    assert client.sought == [(1, OFFSET_BEGINNING)]
    assert not made.caught_up
    client.said = [Said(1, 0, KafkaError._PARTITION_EOF)]
    assert made.poll() == []
    assert made.caught_up


@pytest.mark.parametrize("after_seconds", [31.0, 0.0])
def test_it_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch, after_seconds: float) -> None:
    """A topic that is gone stays gone; and a place in the middle of a partition is not its beginning."""
    made, client = reader(monkeypatch, {} if after_seconds else {1: 7})
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + after_seconds)
    client.said = [Said(1, 7, KafkaError._AUTO_OFFSET_RESET)]
    with pytest.raises(KafkaException):
        made.poll()
    assert made.fault_place == (1, 7)
    assert client.sought == []
