"""Tries to use rights in Kafka, one by one, and tells which of them the broker refuses."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from time import monotonic
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from billing.acl_rules import Kind, Operation, Thing

_ANSWER_SECONDS = 60.0
_FORBIDDEN = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
Use = tuple[Thing, Operation]


class Attempts:
    """Uses rights as one user, without changing anything where it is allowed to.

    Args:
        options: librdkafka options of the user, the address among them.
    """

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = {**options, "log_level": 0}
        self._admin = AdminClient(dict(self._options))

    def not_refused(self, uses: Iterable[Use]) -> list[Use]:
        """Return those of the uses that the broker does not refuse for want of a right."""
        return [use for use in uses if not self._is_refused(use)]

    def _is_refused(self, use: Use) -> bool:
        thing, operation = use
        try:
            self._ways(thing.name)[thing.kind, operation]()
        except KafkaException as error:
            return error.args[0].code() in _FORBIDDEN
        return False

    def _ways(self, name: str) -> Mapping[tuple[Kind, Operation], Callable[[], object]]:
        admin, topic = self._admin, ConfigResource(ResourceType.TOPIC, name)
        entry = ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
        changed = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
        cluster = ConfigResource(ResourceType.BROKER, "0")
        return {
            (Kind.TOPIC, Operation.READ): lambda: self._read(name),
            (Kind.TOPIC, Operation.WRITE): lambda: self._write(name),
            (Kind.TOPIC, Operation.DESCRIBE_CONFIGS): lambda: _only(admin.describe_configs([topic])),
            (Kind.TOPIC, Operation.ALTER_CONFIGS): lambda: _only(
                admin.incremental_alter_configs([changed], validate_only=True)
            ),
            (Kind.TOPIC, Operation.ALTER): lambda: _only(
                admin.create_partitions([NewPartitions(name, 50)], validate_only=True)
            ),
            (Kind.TOPIC, Operation.CREATE): lambda: _only(
                admin.create_topics([NewTopic(f"{name}", 1, 1)], validate_only=True)
            ),
            (Kind.TOPIC, Operation.DESCRIBE): lambda: self._read(name),
            (Kind.GROUP, Operation.DESCRIBE): lambda: self._ask_group(name),
            (Kind.GROUP, Operation.READ): lambda: self._join(name),
            (Kind.TRANSACTIONAL_ID, Operation.WRITE): lambda: self._begin(f"{name}a"),
            (Kind.CLUSTER, Operation.DESCRIBE_CONFIGS): lambda: _only(admin.describe_configs([cluster])),
        }

    def _read(self, topic: str) -> None:
        # Who may not even see a topic is told nothing by a consumer of it.
        _only(self._admin.describe_topics(TopicCollection([topic])))
        # Its group is its user's alone: only the topic is asked about.
        with closing(Consumer({**self._options, "group.id": "attempts", "auto.offset.reset": "earliest"})) as consumer:
            consumer.assign([TopicPartition(topic, 0, 0)])
            for message in _until_told(lambda: consumer.poll(0.2)):
                if message.error() is None or message.error().code() == KafkaError._PARTITION_EOF:
                    return
                if message.error().code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise KafkaException(message.error())

    def _write(self, topic: str) -> None:
        told: list[KafkaError | None] = []
        producer = Producer({**self._options, "enable.idempotence": False})
        producer.produce(topic, b"forbidden", on_delivery=lambda error, _: told.append(error))
        assert producer.flush(_ANSWER_SECONDS) == 0
        if told[0] is not None:
            raise KafkaException(told[0])

    def _ask_group(self, group: str) -> None:
        _only(self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))

    def _join(self, group: str) -> None:
        with closing(Consumer({**self._options, "group.id": group})) as consumer:
            consumer.subscribe(["nothing"])
            for message in _until_told(lambda: consumer.poll(0.2)):
                if message.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                    raise KafkaException(message.error())

    def _begin(self, name: str) -> None:
        Producer({**self._options, "transactional.id": name}).init_transactions(_ANSWER_SECONDS)


def _until_told(poll: Callable[[], Any]) -> Iterator[Any]:
    deadline = monotonic() + _ANSWER_SECONDS
    while monotonic() < deadline:
        if (message := poll()) is not None:
            yield message
    raise AssertionError("the broker tells nothing")


def _only(answers: Mapping[Any, Future[Any]]) -> None:
    (answer,) = answers.values()
    answer.result(_ANSWER_SECONDS)
