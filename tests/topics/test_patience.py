"""What a broker answers while it starts is asked again until the deadline; what lasts is told at once."""

import time
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from confluent_kafka import KafkaError, KafkaException

from billing.runtime.client_errors import KafkaRefusesError
from billing.runtime.kafka import KafkaUnavailableError, is_passing, make_missing_topics, patiently
from billing.runtime.topic_check import default_replication
from billing.settings import Settings
from billing.topic_rules import Role

PASSING = (
    KafkaError.NOT_CONTROLLER,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.INVALID_REPLICATION_FACTOR,
)
LASTING = (KafkaError.POLICY_VIOLATION, KafkaError.INVALID_PARTITIONS, KafkaError.INVALID_CONFIG)
DEADLINE_SECONDS = 30.0


class StartingCluster:
    """An admin client of a cluster that answers each request to make a topic with an error, so many times."""

    def __init__(self, *codes: int) -> None:
        self._codes = list(codes)
        self.asked = 0
        self.topics: dict[str, int] = {}

    def list_topics(self, *_: object, **__: object) -> SimpleNamespace:
        topics = {
            name: SimpleNamespace(error=None, partitions=dict.fromkeys(range(partitions)))
            for name, partitions in self.topics.items()
        }
        return SimpleNamespace(topics=topics)

    def create_topics(self, topics: list[Any], **_: object) -> dict[str, "Future[None]"]:
        (topic,), answer = topics, Future[None]()
        self.asked += 1
        if self._codes:
            answer.set_exception(KafkaException(KafkaError(self._codes.pop(0), "not yet")))
        else:
            self.topics[topic.topic] = topic.num_partitions
            answer.set_result(None)
        return {topic.topic: answer}


def make(cluster: Any, seconds: float = DEADLINE_SECONDS) -> dict[str, int]:
    return make_missing_topics(cluster, Settings(replication_factor=3), [Role.INPUT], time.monotonic() + seconds)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.runtime.kafka._PAUSE_SECONDS", 0.0)


@pytest.mark.parametrize("code", PASSING)
def test_a_topic_is_made_once_the_cluster_can(code: int) -> None:
    """Not all brokers are there yet, or the controller is still elected: nobody has to start the part again."""
    cluster = StartingCluster(code, code)
    assert make(cluster) == {"input": 4}
    assert cluster.asked == 3


@pytest.mark.parametrize("code", LASTING)
def test_what_lasts_is_told_at_once(code: int) -> None:
    """Asking again would not change it."""
    cluster = StartingCluster(code)
    with pytest.raises(KafkaException):
        make(cluster)
    assert cluster.asked == 1


def test_a_missing_right_is_told_at_once() -> None:
    """By the sentence that says which."""
    with pytest.raises(KafkaRefusesError, match=r"make topic billableevents\.incoming: .*ACL"):
        make(StartingCluster(KafkaError.TOPIC_AUTHORIZATION_FAILED))


def test_after_the_deadline_it_says_what_failed_and_what_to_do() -> None:
    """A cluster with too few brokers for good."""
    with pytest.raises(KafkaUnavailableError) as told:
        make(StartingCluster(*[KafkaError.INVALID_REPLICATION_FACTOR] * 9), seconds=-1)
    assert str(told.value) == (
        "could not make topic billableevents.incoming at localhost:9092: not yet; start more brokers, or set "
        "replication_factor"
    )


def test_any_question_is_asked_again() -> None:
    """And its answer returned."""
    answers: list[int | KafkaException] = [KafkaException(KafkaError(KafkaError._TRANSPORT)), 7]

    def ask() -> int:
        answer = answers.pop(0)
        if isinstance(answer, KafkaException):
            raise answer
        return answer

    assert patiently(ask, "ask", "here", time.monotonic() + DEADLINE_SECONDS) == 7


class ClusterWithoutBrokers:
    """A cluster that holds each of its brokers to be dead."""

    brokers: ClassVar[dict[int, str]] = {}

    def list_topics(self, timeout: float) -> "ClusterWithoutBrokers":
        return self


def test_a_cluster_that_knows_of_no_broker_is_asked_again() -> None:
    """It is one that starts, or whose broker had no time to say that it lives."""
    cluster: Any = ClusterWithoutBrokers()
    with pytest.raises(KafkaException) as error:
        default_replication(cluster)
    assert is_passing(error.value.args[0])
