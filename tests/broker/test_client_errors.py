"""Who is not let in is told so, and why: not that nobody answers."""

import pytest
from confluent_kafka import KafkaError

from billing.runtime.client_errors import KafkaRefusesError, forbidden
from billing.runtime.kafka import KafkaUnavailableError, ensure_topics
from billing.settings import Settings
from broker.ports import free_port
from tests.conftest import Kafka

LOGIN = {"sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "canary-9f3"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"security.protocol": "SASL_PLAINTEXT", **LOGIN}, "SASL PLAIN mechanism handshake failed"),
        ({"security.protocol": "SSL"}, "connecting to a PLAINTEXT broker listener"),
        ({"security.protocol": "SASL_SSL", **LOGIN}, "SSL handshake failed"),
    ],
)
def test_a_broker_that_refuses_is_not_one_that_is_silent(kafka: Kafka, options: dict[str, str], said: str) -> None:
    """The sentence has the broker's reason, the settings to look at, and no password."""
    settings = Settings(bootstrap_servers=kafka.bootstrap_servers, kafka={**options})
    with pytest.raises(KafkaRefusesError) as caught:
        ensure_topics(settings, ("input",), 20.0)
    assert said in str(caught.value)
    assert "security.protocol" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_nobody_answers() -> None:
    """That is another sentence."""
    settings = Settings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(KafkaUnavailableError, match="no Kafka broker answers"):
        ensure_topics(settings, ("input",), 1.0)


def test_what_is_forbidden_names_the_right() -> None:
    """An authorization error, and no other."""
    error = forbidden(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), "make topic billing.subtotals")
    assert error is not None
    assert "does not allow this user to make topic billing.subtotals" in str(error)
    assert forbidden(KafkaError(KafkaError.TOPIC_ALREADY_EXISTS), "x") is None
