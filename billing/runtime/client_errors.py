"""What a client hears of brokers in its background: whether nobody answers, or somebody who does not let it in."""

import re
from collections.abc import Mapping
from typing import NoReturn

from confluent_kafka import Consumer, KafkaError, KafkaException

from billing.client_names import READERS_GROUP
from billing.errors import OperatorError
from billing.masking import masker, secrets_of_options
from billing.runtime.listener_probe import fault_of_listener

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


_REFUSED_RUNBOOK = "docs/runbook.md#kafka-refuses"

# What to do about what a client says, the first that is found in it.
_TO_DO = (
    ("invalid credentials", "check sasl.username and sasl.password"),
    ("Unsupported SASL mechanism", "set sasl.mechanism to one that the brokers take"),
    ("PLAINTEXT broker listener", "the listener has no TLS: check the port, or set security.protocol without SSL"),
    ("not valid in current SASL state", "the listener takes no login: check the port, or security.protocol"),
    ("alert bad certificate", "the brokers want a certificate that they trust: check ssl.certificate.location"),
    ("alert certificate required", "the brokers want a certificate: set ssl.certificate.location and ssl.key.location"),
    ("alert certificate", "the brokers do not trust this client's certificate, or its time is over: renew it"),
    ("alert unknown ca", "the brokers do not know who signed this client's certificate: check ssl.certificate.*"),
)  # fmt: skip
# What the client says before it has asked any broker.
_NO_TOKEN = "Failed to acquire SASL OAUTHBEARER token"
_CHECK_ALL = "check security.protocol, sasl.* and ssl.*"


# What a client has been told waits for it to ask.
_TOLD_SECONDS = 0.5


class KafkaRefusesError(OperatorError):
    """A broker is there and lets this client not in, or not do something: the message says which, and what to set."""


class ClientErrors:
    """Takes what a client reports, as its option ``error_cb``; `refused` is what a broker refused it with, if any."""

    def __init__(self) -> None:
        self.refused: str | None = None

    def __call__(self, error: KafkaError) -> None:
        """Take an error in."""
        text = _AFTERTHOUGHT.sub("", error.str())
        is_reason = error.code() in _REFUSED_CODES or "handshake failed" in text or "SSL alert" in text
        # A reason is worth more than the news that the connection is gone.
        if is_reason or (self.refused is None and _REFUSED_TEXT.search(text)):
            self.refused = text

    def refusal(self, servers: str, options: Mapping[str, object]) -> KafkaRefusesError | None:
        """Return the error of a broker that does not let this client in; None if nobody refuses it.

        Asks the listener itself for what no client tells, such as what is wrong with a certificate.

        Args:
            servers: as in the setting `bootstrap_servers`.
            options: the setting `kafka`.
        """
        refused = None if self.refused is None else masker(secrets_of_options(options))(self.refused)
        if refused is not None and _NO_TOKEN in refused:
            return KafkaRefusesError(
                f"no token to log in with at {servers}: {refused}; check sasl.oauthbearer.* in the setting kafka, "
                f"see {_REFUSED_RUNBOOK}"
            )
        if refused is not None and "certificate verify failed" not in refused:
            todo = next((todo for said, todo in _TO_DO if said in refused), _CHECK_ALL)
            return _not_let_in(servers, f"{refused}; {todo} in the setting kafka")
        if (fault := fault_of_listener(servers, options)) is not None:
            return _not_let_in(servers, fault)
        return None if refused is None else _not_let_in(servers, f"{refused}; {_CHECK_ALL} in the setting kafka")


def _not_let_in(servers: str, why: str) -> KafkaRefusesError:
    return KafkaRefusesError(
        f"a broker answers at {servers} but does not let this client in: {why}, see {_REFUSED_RUNBOOK}"
    )


def forbidden(error: KafkaError, what: str) -> KafkaRefusesError | None:
    """Return what an operator has to know of an error by which a broker forbids something; None of any other.

    Args:
        error: the broker's.
        what: what was tried, such as ``make topic billing.subtotals``.
    """
    if error.code() not in _FORBIDDEN_CODES:
        return None
    return KafkaRefusesError(
        f"Kafka does not allow this user to {what}: {error.str()}; give it that right (ACL), `qb topics --acls` prints "
        f"how, see {_REFUSED_RUNBOOK}"
    )


def raise_if_forbidden(error: KafkaException, what: str) -> None:
    """Do nothing about an error unless a broker forbids something by it.

    Args:
        error: a client's.
        what: what was tried, such as ``read topic billing.subtotals``.

    Raises:
        KafkaRefusesError: it does.
    """
    if (told := forbidden(error.args[0], what)) is not None:
        raise told from error


def raise_read_error(error: KafkaError, topic: str, group: str = READERS_GROUP) -> NoReturn:
    """Raise what a consumer has told in the place of a record.

    Args:
        error: what it told.
        topic: what it reads.
        group: the consumer's.

    Raises:
        KafkaRefusesError: a broker forbids it.
        KafkaException: anything else.
    """
    is_about_group = error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    what = f"use group {group}" if is_about_group else f"read topic {topic}"
    if (told := forbidden(error, what)) is not None:
        raise told
    raise KafkaException(error)


def raise_if_group_forbidden(consumer: Consumer, group: str) -> None:
    """Do nothing unless a consumer has been told that it may not use its group: asking for offsets only takes too long.

    Args:
        consumer: one that has asked in vain, and reads nothing.
        group: its group.

    Raises:
        KafkaRefusesError: it may not.
    """
    message = consumer.poll(_TOLD_SECONDS)
    error = None if message is None else message.error()
    if error is not None and (told := forbidden(error, f"use group {group}")) is not None:
        raise told
