"""Asks the broker what the topics are and holds the rules against it; refuses, warns, and mends what can be mended."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from billing.errors import OperatorError
from billing.runtime.logs import get_logger
from billing.settings import Settings
from billing.topic_rules import (
    MIN_IN_SYNC,
    PARTITIONS,
    TOPICS_RUNBOOK,
    Around,
    Grade,
    Role,
    TopicFinding,
    TopicState,
    judge_topic,
    min_in_sync,
)
from billing.topics import counted_role, topic_specs

logger = get_logger(__name__)

ANSWER_SECONDS = 10.0


class TopicRefusedError(OperatorError):
    """A topic would lose or double money: the message names topic, setting, value, what is allowed and what to do."""


@dataclass(frozen=True)
class Cluster:
    """What the broker says: how many brokers there are, and the topics asked for that exist, by name."""

    brokers: int
    topics: Mapping[str, TopicState]


def look_at(admin: AdminClient, names: Iterable[str], timeout_seconds: float = ANSWER_SECONDS) -> Cluster:
    """Return the topics of these names as they are now.

    Where the configuration may not be read (`DescribeConfigs`), it is empty, and a line says so.

    Raises:
        KafkaException: no broker answers.
    """
    metadata = admin.list_topics(timeout=timeout_seconds)
    found = {name: metadata.topics[name] for name in names if name in metadata.topics}
    found = {name: topic for name, topic in found.items() if topic.error is None and topic.partitions}
    configs = _configs(admin, list(found), timeout_seconds)
    return Cluster(
        brokers=len(metadata.brokers),
        topics={
            name: TopicState(
                name, len(topic.partitions), min(len(p.replicas) for p in topic.partitions.values()), configs[name]
            )
            for name, topic in found.items()
        },
    )


def check_topics(admin: AdminClient, settings: Settings, roles: Sequence[str]) -> list[TopicFinding]:
    """Return each rule of the topics of these roles that exist, with what was found.

    A role that this deployment has no topic for is passed over.

    Raises:
        KafkaException: no broker answers.
    """
    specs = topic_specs(settings)
    names = {role: specs[role].name for role in roles if role in specs}
    cluster = look_at(admin, {settings.input_topic, settings.counted_topic, *names.values()})
    return [
        finding
        for role, name in names.items()
        if name in cluster.topics
        for finding in judge_topic(Role(role), cluster.topics[name], around_of(settings, cluster, name))
    ]


def refuse_wrong(findings: Iterable[TopicFinding]) -> None:
    """Accept what loses no money.

    Raises:
        TopicRefusedError: some setting loses or doubles money; the first one is told.
    """
    wrong = [finding for finding in findings if finding.grade is Grade.REFUSE]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise TopicRefusedError(
            f"{wrong[0].sentence}{more}; stopped before anything is written, `qb topics --fix` sets what can be set, "
            f"see {TOPICS_RUNBOOK}"
        )


def warnings_of(findings: Iterable[TopicFinding]) -> dict[tuple[str, str], TopicFinding]:
    """Return what is only warned of, by topic and setting."""
    return {(found.topic, found.rule.setting): found for found in findings if found.grade is Grade.WARN}


def log_warnings(findings: Iterable[TopicFinding]) -> None:
    """Say each warning in a line."""
    for finding in warnings_of(findings).values():
        logger.warning(
            "topic is not as it should be: qb topics --check",
            topic=finding.topic,
            setting=finding.rule.setting,
            value=finding.found,
            must_be=finding.rule.must_be,
            runbook=TOPICS_RUNBOOK,
        )


def set_right(admin: AdminClient, wrong: Sequence[TopicFinding], around: Around) -> list[TopicFinding]:
    """Set what can be set of one topic to what a new one gets; return what can't be set on an existing topic.

    All at once: a cleanup policy that were changed before the retention would delete records.

    Raises:
        KafkaException: the broker refuses.
    """
    left = []
    entries = []
    for finding in wrong:
        if finding.role is Role.CHANGELOG and finding.rule.setting == PARTITIONS and _widen(admin, finding, around):
            continue
        value = _right_value(finding, around)
        if value is None:
            left.append(finding)
        else:
            entries.append(ConfigEntry(finding.rule.setting, value, incremental_operation=AlterConfigOpType.SET))
    if entries:
        resource = ConfigResource(ResourceType.TOPIC, wrong[0].topic, incremental_configs=entries)
        (future,) = admin.incremental_alter_configs([resource]).values()
        future.result(ANSWER_SECONDS)
    return left


def _right_value(finding: TopicFinding, around: Around) -> str | None:
    if finding.rule.setting == MIN_IN_SYNC:
        return str(min_in_sync(around.replication_factor))
    return finding.rule.made_with


def widen_changelog(admin: AdminClient, settings: Settings) -> None:
    """Give the changelog as many partitions as the topic counted from has, if both exist and it has fewer.

    Raises:
        KafkaException: no broker answers, or it refuses.
    """
    specs = topic_specs(settings)
    topics = admin.list_topics(timeout=ANSWER_SECONDS).topics
    counted, changelog = (topics.get(specs[role].name) for role in (counted_role(settings), Role.CHANGELOG))
    if counted is not None and changelog is not None and 0 < len(changelog.partitions) < len(counted.partitions):
        widen_topic(admin, specs[Role.CHANGELOG].name, len(counted.partitions))


def widen_topic(admin: AdminClient, topic: str, partitions: int) -> None:
    """Give a topic so many partitions, unless somebody else has done so meanwhile.

    Raises:
        KafkaException: the broker refuses.
    """
    (future,) = admin.create_partitions([NewPartitions(topic, partitions)]).values()
    try:
        future.result(ANSWER_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.INVALID_PARTITIONS:
            raise
        return
    logger.info("topic widened", topic=topic, partitions=partitions)


def default_replication(admin: AdminClient) -> int | None:
    """Return how many replicas the brokers give a topic by default, None if they do not say.

    Raises:
        KafkaException: no broker answers, or the cluster knows of none at the moment.
    """
    brokers = admin.list_topics(timeout=ANSWER_SECONDS).brokers
    if not brokers:  # each is held to be dead: it starts, or had no time to say that it lives
        raise KafkaException(KafkaError(KafkaError.BROKER_NOT_AVAILABLE))
    broker = ConfigResource(ResourceType.BROKER, str(min(brokers)))
    (answer,) = admin.describe_configs([broker], request_timeout=ANSWER_SECONDS).values()
    try:
        entry = answer.result(ANSWER_SECONDS).get("default.replication.factor")
    except KafkaException:  # this needs a right on the cluster that nothing else here needs
        return None
    return int(entry.value) if entry is not None and entry.value else None


def around_of(settings: Settings, cluster: Cluster, topic: str) -> Around:
    """Return what the rules compare a topic of the cluster with; the input and the one counted from are part of it."""
    inputs, counted = (cluster.topics.get(name) for name in (settings.input_topic, settings.counted_topic))
    input_bytes = inputs.config.get("max.message.bytes") if inputs else None
    return Around(
        brokers=cluster.brokers,
        replication_factor=cluster.topics[topic].replication_factor,
        input_partitions=counted.partitions if counted else None,
        input_record_bytes=int(input_bytes) if input_bytes else None,
        max_event_bytes=settings.max_event_bytes,
        keyed_partitions=settings.keyed_partitions,
    )


def _widen(admin: AdminClient, finding: TopicFinding, around: Around) -> bool:
    if around.input_partitions is None or int(finding.found or 0) > around.input_partitions:
        return False
    widen_topic(admin, finding.topic, around.input_partitions)
    return True


def _configs(admin: AdminClient, names: Sequence[str], timeout_seconds: float) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(asked, request_timeout=timeout_seconds)
    return {resource.name: _config(resource.name, answer, timeout_seconds) for resource, answer in answers.items()}


def _config(topic: str, answer: Future[dict[str, ConfigEntry]], timeout_seconds: float) -> dict[str, str]:
    try:
        entries = answer.result(timeout_seconds)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise
        logger.warning("topic is not checked: the right DescribeConfigs is missing", topic=topic)
        return {}
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}
