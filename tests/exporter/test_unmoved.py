"""How much of the input waits to be moved: asked of the broker, and hidden alone where that is refused."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from billing.runtime.partition_bounds import Bounds
from billing.settings import Settings
from exporter.feeds import input_tails
from exporter.feeds.unmoved import UnmovedInput

MOVED = Settings(dedup_scope="topic", input_topic="in", keyed_topic="keyed")
TOPICS = {"in": (0, 1, 2), "keyed": (0, 1)}


class Broker:
    """Knows where the input ends, and how far the group of the moving has come."""

    def __init__(self, ends: dict[int, int], moved: dict[int, int]) -> None:
        self.ends, self.moved = ends, moved
        self.error: int | None = None
        self.asked = 0

    def stable_ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        assert topic == "in"
        return {partition: self.ends[partition] for partition in partitions}

    def list_consumer_group_offsets(self, requests: list[Any], request_timeout: float) -> dict[str, Any]:
        self.asked += 1
        assert requests[0].group_id == "keyed-moving"
        return {"keyed-moving": SimpleNamespace(result=self._answer)}

    def _answer(self, _: float) -> Any:
        if self.error is not None:
            raise KafkaException(KafkaError(self.error))
        of_others = TopicPartition("other", 0, 99)
        found = [TopicPartition("in", partition, offset) for partition, offset in self.moved.items()]
        return SimpleNamespace(topic_partitions=[of_others, *found])

    def unmoved(self, settings: Settings = MOVED) -> UnmovedInput:
        anybody: Any = self
        return UnmovedInput(settings, anybody, anybody)


def test_what_waits_is_the_end_less_what_is_moved() -> None:
    """A partition that nothing was moved of waits whole."""
    broker = Broker({0: 10, 1: 7, 2: 4}, {0: 4, 1: 7})
    assert broker.unmoved().ask(TOPICS) == ({0: 4, 1: 7}, {0: 6, 1: 0, 2: 4})


def test_nothing_waits_where_nothing_is_moved() -> None:
    """Records that are counted where they are; and nobody asks the broker."""
    broker = Broker({}, {})
    assert broker.unmoved(Settings(input_topic="in")).ask(TOPICS)[1] == {}
    assert broker.unmoved().ask({"keyed": (0, 1)})[1] == {}
    assert broker.asked == 0


def test_before_the_first_move_all_waits() -> None:
    """There is no group yet."""
    broker = Broker({0: 10, 1: 7, 2: 0}, {})
    broker.error = KafkaError.GROUP_ID_NOT_FOUND
    assert broker.unmoved().ask(TOPICS) == ({}, {0: 10, 1: 7, 2: 0})


def test_a_refusal_hides_this_alone() -> None:
    """It is unknown then, which is not zero; and told again once it is known."""
    broker = Broker({0: 10, 1: 7, 2: 0}, {0: 9})
    unmoved = broker.unmoved()
    broker.error = KafkaError.GROUP_AUTHORIZATION_FAILED
    assert unmoved.ask(TOPICS) == ({}, None)
    assert unmoved.ask(TOPICS) == ({}, None)
    broker.error = None
    assert unmoved.ask(TOPICS)[1] == {0: 1, 1: 7, 2: 0}


def test_markers_of_transactions_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input whose sender has transactions ends behind its last record: once nothing moves, that is told apart."""

    def found(_: Settings, topic: str, stretches: Mapping[int, Bounds], __: float) -> dict[int, bool]:
        assert topic == "in"
        return {partition: partition == 1 for partition in stretches}

    monkeypatch.setattr(input_tails, "find_records", found)
    unmoved = Broker({0: 10, 1: 10, 2: 0}, {0: 9, 1: 9}).unmoved()
    assert unmoved.ask(TOPICS)[1] == {0: 1, 1: 1, 2: 0}
    assert unmoved.ask(TOPICS)[1] == {0: 0, 1: 1, 2: 0}
