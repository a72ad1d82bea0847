"""Who joins again under its own name waits for the end of its dead self only where partitions are nobody's."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, TopicPartition

from processor import joining
from processor.joining import wait_for_own_end

ME, OTHER = "group-me", "group-other"
Members = dict[str, Sequence[int]]


class Group:
    """Tells, each time that it is asked, the next of some states; the last one again and again."""

    def __init__(self, *looks: tuple[ConsumerGroupState, Members] | Exception, partitions: int = 4) -> None:
        self.looks, self.asked, self._partitions = looks, 0, partitions

    def describe_consumer_groups(self, groups: list[str], request_timeout: float) -> dict[str, Any]:
        return {groups[0]: SimpleNamespace(result=self._look)}

    def _look(self, _: float) -> Any:
        look = self.looks[min(self.asked, len(self.looks) - 1)]
        self.asked += 1
        if isinstance(look, Exception):
            raise look
        state, members = look
        return SimpleNamespace(state=state, members=[_member(name, of) for name, of in members.items()])

    def list_topics(self, topic: str, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=dict.fromkeys(range(self._partitions)))})


def _member(name: str, partitions: Sequence[int]) -> Any:
    of_another = TopicPartition("other", 3)
    shared = [of_another, *(TopicPartition("in", partition) for partition in partitions)]
    return SimpleNamespace(group_instance_id=name, assignment=SimpleNamespace(topic_partitions=shared))


STABLE, MOVING = ConsumerGroupState.STABLE, ConsumerGroupState.PREPARING_REBALANCING
LEFT_OUT: tuple[ConsumerGroupState, Members] = STABLE, {ME: (0, 1), OTHER: (2,)}


@pytest.mark.parametrize(
    ("looks", "asked"),
    [
        ([(STABLE, {ME: (0, 1, 2, 3)})], 1),
        ([(STABLE, {ME: (0, 1), OTHER: (2, 3)})], 1),
        ([(STABLE, {OTHER: (0, 1)})], 1),
        ([(MOVING, {ME: ()})], 1),
        ([KafkaException(KafkaError(KafkaError.GROUP_ID_NOT_FOUND))], 1),
        ([TimeoutError()], 1),
        ([LEFT_OUT, LEFT_OUT, (MOVING, {OTHER: ()})], 3),
        ([LEFT_OUT, (STABLE, {OTHER: (0, 1, 2, 3)})], 2),
        ([LEFT_OUT, TimeoutError()], 2),
    ],
)
def test_it_waits_for_what_nobody_has(monkeypatch: pytest.MonkeyPatch, looks: list[Any], asked: int) -> None:
    """While its dead self is there and the group is at rest."""
    monkeypatch.setattr(joining, "_PAUSE_SECONDS", 0.0)
    group: Any = Group(*looks)
    wait_for_own_end(group, "group", ME, "in", lambda: False)
    assert group.asked == asked


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor when it is asked to stop."""
    monkeypatch.setattr(joining, "_PAUSE_SECONDS", 0.0)
    group: Any = Group(LEFT_OUT)
    wait_for_own_end(group, "group", ME, "in", lambda: group.asked == 3)
    assert group.asked == 3
    monkeypatch.setattr(joining, "MOST_SECONDS", 0.05)
    wait_for_own_end(group, "group", ME, "in", lambda: False)
