"""Asking where partitions end, while a broker refuses for a moment or for good."""

from collections.abc import Mapping
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from billing.runtime import partition_bounds
from billing.runtime.client_errors import KafkaRefusesError
from billing.runtime.kafka import KafkaUnavailableError
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings

END = 7


class RefusingAdmin:
    """Refuses the first so many questions with an error, and then answers.

    Args:
        times: how many it refuses.
        code: with which error.
    """

    def __init__(self, times: int, code: int) -> None:
        self._times, self._code = times, code
        self.asked = 0

    def list_offsets(self, asked: Mapping[TopicPartition, object], **_: object) -> dict[TopicPartition, Future[object]]:
        self.asked += 1
        return {partition: self._answer() for partition in asked}

    def _answer(self) -> Future[object]:
        future: Future[object] = Future()
        if self.asked <= self._times:
            future.set_exception(KafkaException(KafkaError(self._code)))
        else:
            future.set_result(SimpleNamespace(offset=END))
        return future


def bounds_of(admin: RefusingAdmin, monkeypatch: pytest.MonkeyPatch) -> PartitionBounds:
    """Make one who asks this admin, also by a new client."""
    monkeypatch.setattr(partition_bounds, "admin_client", lambda _: admin)
    monkeypatch.setattr(partition_bounds, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(partition_bounds, "_PATIENT_SECONDS", 0.2)
    return PartitionBounds(Settings.model_validate({}))


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.FENCED_LEADER_EPOCH,
    ],
)
def test_a_partition_without_a_leader_is_asked_for_again(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks does not notice that a leader was chosen meanwhile."""
    bounds = bounds_of(RefusingAdmin(3, code), monkeypatch)
    assert bounds.log_ends("t", [0, 1]) == {0: END, 1: END}


def test_a_partition_that_stays_without_a_leader_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end nobody answers."""
    admin = RefusingAdmin(10_000, KafkaError.LEADER_NOT_AVAILABLE)
    with pytest.raises(KafkaUnavailableError, match="no broker answers with the offsets of t at"):
        bounds_of(admin, monkeypatch).log_ends("t", [0])
    assert admin.asked > 1


def test_what_time_does_not_mend_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal for good is not asked for again, and says which right is missing."""
    admin = RefusingAdmin(1, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaRefusesError, match="see topic t"):
        bounds_of(admin, monkeypatch).log_ends("t", [0])
    assert admin.asked == 1


def test_nothing_is_asked_about_no_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """No partition, no question."""
    admin = RefusingAdmin(0, KafkaError.LEADER_NOT_AVAILABLE)
    assert bounds_of(admin, monkeypatch).stable_ends("t", []) == {}
    assert admin.asked == 0
