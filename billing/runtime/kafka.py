"""Kafka clients as every part makes them, and the topics they need."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from billing.client_names import READERS_GROUP
from billing.errors import OperatorError
from billing.runtime.client_errors import ClientErrors, forbidden, raise_if_forbidden
from billing.runtime.listener_probe import is_listening
from billing.runtime.logs import client_logger, get_logger
from billing.runtime.topic_check import check_topics, default_replication, log_warnings, refuse_wrong, widen_topic
from billing.settings import Settings
from billing.topic_rules import Role, made_config
from billing.topics import TopicSpec, counted_role, topic_specs

logger = get_logger(__name__)

Answered = TypeVar("Answered")

# What a broker that starts, restarts or moves a partition makes a client say; the client tries again by itself.
_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.NOT_CONTROLLER,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
# While a cluster starts, not all of its brokers have registered.
_FEW_BROKERS = frozenset({KafkaError.INVALID_REPLICATION_FACTOR})
_PAUSE_SECONDS = 0.2
# How long a client may take to connect to a broker and to be told all topics: at first, and at last.
_LEAST_LIST_SECONDS, _LIST_SECONDS = 2.0, 10.0
_MEET_SECONDS = 5.0
_UNKNOWN_SETTING = re.compile(r"Unknown topic config name: ([a-z.]+)")


# How long a refused login is tried again.
REFUSED_SECONDS = 3.0


class KafkaUnavailableError(OperatorError):
    """No broker answered in time: the message names the address and the setting."""


def is_passing(error: KafkaError) -> bool:
    """Say whether an error goes by itself: a broker starts, restarts or moves a partition."""
    return error.code() in _PASSING or error.retriable()


def client_config(settings: Settings) -> dict[str, object]:
    """Return the librdkafka options of every client: the address, then what `kafka` in the settings adds."""
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": f"qb-{settings.instance}",
        "log_level": 3,
        "logger": client_logger(),
        **settings.kafka,
    }


def reader_config(settings: Settings, group: str = READERS_GROUP) -> dict[str, object]:
    """Return the options of a consumer that reads a topic whole, committed records only, and commits nothing."""
    return {
        **client_config(settings),
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        # The default of a second holds any fast consumer at about 176,000 records/s with an idle core.
        "fetch.queue.backoff.ms": 10,
        # What waits in the client: by default 100,000 records a partition and 64 MB, many times what a poll takes.
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 16_384,
        "receive.message.max.bytes": settings.unpacked_bytes,
        # How long a broker holds the answer back that a partition has been read to its end.
        "fetch.wait.max.ms": 100,
    }


def meet_brokers(client: Consumer | Producer, topic: str, most_seconds: float = _MEET_SECONDS) -> None:
    """Let a new client know a topic's leaders, so that it can ask them at once.

    One that knows no broker when it is told to read, or to begin its transactions, tries again after half a second. So
    does this one where none answers in time.
    """
    with suppress(KafkaException):
        client.list_topics(topic, timeout=most_seconds)


def wrong_option(error: KafkaError) -> OperatorError:
    """Return what an operator has to know of an option in `kafka` by which no client can be made."""
    if "location failed" in error.str():
        todo = "see that the file is there, can be read and is PEM, and that ssl.key.password opens it"
    else:
        todo = "allowed are the options of librdkafka"
    return OperatorError(f"kafka: {error.str()}; {todo}")


def admin_client(settings: Settings, **options: object) -> AdminClient:
    """Return a client that asks about topics and offsets.

    Args:
        settings: where the broker is, and what `kafka` adds.
        options: more librdkafka options.

    Raises:
        OperatorError: an option in `kafka` that librdkafka does not know, or whose value it refuses.
    """
    try:
        return AdminClient({**client_config(settings), **options})
    except KafkaException as error:
        raise wrong_option(error.args[0]) from None


def reached_admin(settings: Settings, timeout_seconds: float = 10.0) -> AdminClient:
    """Return a client that asks about topics and offsets, once a broker has answered it.

    Args:
        settings: where the broker is, and what `kafka` adds.
        timeout_seconds: how long to wait for an answer.

    Raises:
        KafkaUnavailableError: no broker answered in time.
        KafkaRefusesError: a broker does not let this client in.
        OperatorError: an option in `kafka` is wrong.
    """
    errors = ClientErrors()
    # What goes wrong is told by the errors raised here; the client need not print it as well.
    admin = admin_client(settings, log_level=0, error_cb=errors)
    _partitions(admin, time.monotonic() + timeout_seconds, settings, errors)
    return admin


def refuse_unseen(admin: AdminClient, topics: Iterable[str]) -> None:
    """Accept topics that do not exist: who lists all topics is told neither of those nor of what it may not see.

    Raises:
        KafkaRefusesError: one is not to be seen, whether it exists or not.
        KafkaException: no broker answers.
    """
    wanted = list(topics)
    if not wanted:
        return
    for topic, answer in admin.describe_topics(TopicCollection(wanted), request_timeout=_LIST_SECONDS).items():
        try:
            answer.result(_LIST_SECONDS)
        except KafkaException as error:
            raise_if_forbidden(error, f"see topic {topic}")
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise


def ensure_topics(settings: Settings, roles: Iterable[str], timeout_seconds: float = 30.0) -> dict[str, int]:
    """Make the topics that do not exist yet, check all, and return the number of partitions of each, by role.

    The changelog gets as many partitions as the topic counted from has, also when that got more since. A role that this
    deployment has no topic for is passed over.

    Args:
        settings: names, partitions and replicas.
        roles: which topics, as :func:`billing.topics.topic_specs` calls them.
        timeout_seconds: how long to wait for a broker, and for a new topic to show.

    Raises:
        KafkaUnavailableError: no broker answered in time.
        KafkaRefusesError: a broker does not let this client in, or not see or make a topic.
        TopicRefusedError: a topic is such that money would be lost or doubled.
        OperatorError: an option in `kafka` is wrong.
        KafkaException: the broker refused.
    """
    wanted = [Role(role) for role in roles]
    deadline = time.monotonic() + timeout_seconds
    admin = reached_admin(settings, timeout_seconds)
    found = make_missing_topics(admin, settings, wanted, deadline)
    servers = settings.bootstrap_servers
    findings = patiently(lambda: check_topics(admin, settings, wanted), "check the topics", servers, deadline)
    refuse_wrong(findings)
    log_warnings(findings)
    return found


def patiently(ask: Callable[[], Answered], what: str, servers: str, deadline: float) -> Answered:
    """Return what a broker answers; ask again while it answers as one does that is starting.

    Args:
        ask: what is tried, again and again.
        what: the same for people, such as `make topic billing.subtotals`.
        servers: where the brokers are, for people.
        deadline: of the monotonic clock.

    Raises:
        KafkaUnavailableError: no answer that lasts came until the deadline.
        KafkaException: an answer that trying again does not change.
    """
    while True:
        try:
            return ask()
        except KafkaException as error:
            fault = error.args[0]
            if not (is_passing(fault) or fault.code() in _FEW_BROKERS):
                raise
            if time.monotonic() > deadline:
                hint = "; start more brokers, or set replication_factor" if fault.code() in _FEW_BROKERS else ""
                raise KafkaUnavailableError(f"could not {what} at {servers}: {fault.str()}{hint}") from error
            logger.debug("broker not ready yet", tried=what, error=fault.str())
        time.sleep(_PAUSE_SECONDS)


def make_missing_topics(
    admin: AdminClient, settings: Settings, roles: Sequence[Role], deadline: float
) -> dict[str, int]:
    """Make the topics of these roles that do not exist yet; return the number of partitions of each, by role.

    Raises:
        KafkaUnavailableError: no broker answered until `deadline`, of the monotonic clock.
        KafkaException: the broker refused.
    """
    specs = topic_specs(settings)
    plain = [specs[role] for role in roles if role is not Role.CHANGELOG and role in specs]
    found = _make_and_wait(admin, settings, plain, deadline)
    if Role.CHANGELOG in roles:
        counted = specs[counted_role(settings)]
        partitions = _partitions(admin, deadline, settings).get(counted.name, counted.partitions)
        changelog = replace(specs[Role.CHANGELOG], partitions=partitions)
        found |= _make_and_wait(admin, settings, [changelog], deadline)
        if found[Role.CHANGELOG.value] < partitions:
            what, servers = f"widen topic {changelog.name}", settings.bootstrap_servers
            patiently(lambda: widen_topic(admin, changelog.name, partitions), what, servers, deadline)
            found[Role.CHANGELOG.value] = partitions
    return found


def _make_and_wait(
    admin: AdminClient, settings: Settings, specs: Sequence[TopicSpec], deadline: float
) -> dict[str, int]:
    servers = settings.bootstrap_servers
    _create(admin, specs, settings, deadline)
    while True:
        found = _partitions(admin, deadline, settings)
        missing = [spec.name for spec in specs if spec.name not in found]
        if not missing:
            return {spec.role.value: found[spec.name] for spec in specs}
        if time.monotonic() > deadline:
            refuse_unseen(admin, missing)
            raise KafkaUnavailableError(f"topic {missing[0]} does not show on {servers}")
        time.sleep(0.1)


def _partitions(
    admin: AdminClient, deadline: float, settings: Settings, errors: ClientErrors | None = None
) -> dict[str, int]:
    servers = settings.bootstrap_servers
    # A broker that starts may refuse a login for a moment.
    patient_until = time.monotonic() + REFUSED_SECONDS
    seconds = _LEAST_LIST_SECONDS
    while True:
        try:
            topics = admin.list_topics(timeout=seconds).topics
            return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}
        except KafkaException as error:
            admin.poll(0)
            if errors and time.monotonic() > min(deadline, patient_until):
                if refusal := errors.refusal(servers, settings.kafka):
                    raise refusal from error
                patient_until = time.monotonic() + _LIST_SECONDS
            if time.monotonic() > deadline:
                raise KafkaUnavailableError(_nobody_answers(servers)) from error
            logger.debug("broker not available yet", address=servers, error=str(error))
            # A busy cluster of many topics takes its time to tell them all.
            seconds = min(2 * seconds, _LIST_SECONDS)


def _nobody_answers(servers: str) -> str:
    if is_listening(servers):
        return (
            f"no Kafka broker answers at {servers}, though something listens there: wait until it has started, or "
            "check bootstrap_servers, and security.protocol in the setting kafka"
        )
    return f"no Kafka broker answers at {servers}: start one (qb broker) or set bootstrap_servers"


def _create(admin: AdminClient, specs: Sequence[TopicSpec], settings: Settings, deadline: float) -> None:
    servers = settings.bootstrap_servers
    present = _partitions(admin, deadline, settings)
    wanted = [spec for spec in specs if spec.name not in present]
    if not wanted:
        return
    replicas: int | None = settings.replication_factor
    if settings.replication_factor < 1:
        replicas = patiently(lambda: default_replication(admin), "ask for the default of replicas", servers, deadline)
    for spec in wanted:
        make = partial(_create_one, admin, spec, replicas, made_config(spec.role, replicas))
        patiently(make, f"make topic {spec.name}", servers, deadline)


def _create_one(admin: AdminClient, spec: TopicSpec, replicas: int | None, config: dict[str, str]) -> None:
    topic = NewTopic(spec.name, num_partitions=spec.partitions, replication_factor=replicas or -1, config=config)
    (future,) = admin.create_topics([topic], operation_timeout=10.0, request_timeout=15.0).values()
    try:
        future.result()
        logger.info("topic created", topic=spec.name, partitions=spec.partitions)
    except KafkaException as error:
        fault = error.args[0]
        if explained := forbidden(fault, f"see or make topic {spec.name}"):
            raise explained from error
        unknown = _UNKNOWN_SETTING.search(fault.str() or "")
        if fault.code() == KafkaError.INVALID_CONFIG and unknown and unknown[1] in config:
            # An older broker: what it does not know it does not do either.
            rest = {name: value for name, value in config.items() if name != unknown[1]}
            _create_one(admin, spec, replicas, rest)
        # Another part may have made it in between.
        elif fault.code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
