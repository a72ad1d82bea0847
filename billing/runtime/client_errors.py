"""What a client hears of brokers in its background: whether nobody answers, or somebody who does not let it in."""

import re

from confluent_kafka import KafkaError

from billing.errors import OperatorError

# What librdkafka says only when a broker is there, and speaks another protocol than the client or refuses its login.
_REFUSED_CODES = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError.SASL_AUTHENTICATION_FAILED,
                            KafkaError.UNSUPPORTED_SASL_MECHANISM, KafkaError.ILLEGAL_SASL_STATE})  # fmt: skip
_REFUSED_TEXT = re.compile(
    r"SSL handshake failed|incorrect security\.protocol|SSL_HANDSHAKE|certificate", re.IGNORECASE
)
_FORBIDDEN_CODES = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
                              KafkaError.CLUSTER_AUTHORIZATION_FAILED,
                              KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED})  # fmt: skip
# The state of the connection, and how often the same was said before.
_AFTERTHOUGHT = re.compile(r" \(after \d+ms in state .*\)$")


class KafkaRefusesError(OperatorError):
    """A broker is there and lets this client not in, or not do something: the message says which, and what to set."""


class ClientErrors:
    """Takes what a client reports, as its option ``error_cb``; `refused` is what a broker refused it with, if any."""

    def __init__(self) -> None:
        self.refused: str | None = None

    def __call__(self, error: KafkaError) -> None:
        """Take an error in."""
        text = _AFTERTHOUGHT.sub("", error.str())
        is_reason = error.code() in _REFUSED_CODES or "handshake failed" in text
        # A reason is worth more than the news that the connection is gone.
        if is_reason or (self.refused is None and _REFUSED_TEXT.search(text)):
            self.refused = text

    def raise_if_refused(self, servers: str) -> None:
        """Raise the error of a broker that does not let this client in.

        Raises:
            KafkaRefusesError: there is one.
        """
        if self.refused is not None:
            raise KafkaRefusesError(
                f"a broker answers at {servers} but does not let this client in: {self.refused}; check "
                "security.protocol, sasl.* and ssl.* in the setting kafka"
            )


def forbidden(error: KafkaError, what: str) -> KafkaRefusesError | None:
    """Return what an operator has to know of an error by which a broker forbids something; None of any other.

    Args:
        error: the broker's.
        what: what was tried, such as ``make topic billing.subtotals``.
    """
    if error.code() not in _FORBIDDEN_CODES:
        return None
    return KafkaRefusesError(f"Kafka does not allow this user to {what}: {error.str()}; give it that right (ACL)")
