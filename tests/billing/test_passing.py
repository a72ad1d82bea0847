"""Which errors go by themselves while Kafka starts."""

import pytest
from confluent_kafka import KafkaError

from billing.runtime.kafka import is_passing

PASSING = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError._ALL_BROKERS_DOWN,
)
LASTING = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


@pytest.mark.parametrize("code", PASSING)
def test_what_a_starting_broker_answers_passes(code: int) -> None:
    """Nobody needs to mend it."""
    assert is_passing(KafkaError(code))


@pytest.mark.parametrize("code", LASTING)
def test_what_somebody_has_to_mend_does_not_pass(code: int) -> None:
    """It is raised."""
    assert not is_passing(KafkaError(code))
