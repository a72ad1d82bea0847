"""The processors' consumer group: its offsets of the input, and who is in it."""

import time
from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from billing.errors import OperatorError

ANSWER_SECONDS = 10.0
# Longer than a transaction of a processor that died stays open.
STABLE_SECONDS = 120.0


class Group:
    """Asks about a consumer group, and sets its offsets.

    Every method raises KafkaException if the broker does not answer or refuses.

    Args:
        admin: who asks.
        name: the group's name.
        input_topic: whose offsets it is asked about.
    """

    def __init__(self, admin: AdminClient, name: str, input_topic: str) -> None:
        self._admin = admin
        self._name = name
        self._topic = input_topic

    def offsets(self) -> dict[int, int]:
        """Return the committed offset of each input partition that has one, once no transaction is open on it.

        Raises:
            OperatorError: a transaction stays open.
        """
        deadline = time.monotonic() + STABLE_SECONDS
        while (found := self._stable_offsets()) is None:
            if time.monotonic() > deadline:
                raise OperatorError(f"a transaction stays open on the offsets of group {self._name}; try again")
            time.sleep(0.1)
        return found

    def members(self) -> tuple[str, ...]:
        """Return the client id of each member; a processor that stopped stays one until its session ends."""
        (future,) = self._admin.describe_consumer_groups([self._name], request_timeout=ANSWER_SECONDS).values()
        try:
            return tuple(sorted(member.client_id for member in future.result(ANSWER_SECONDS).members))
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return ()
            raise

    def set_offsets(self, offsets: Mapping[int, int]) -> None:
        """Set the group's offset of input partitions. The broker refuses it while a processor is in the group."""
        wanted = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
        request = ConsumerGroupTopicPartitions(self._name, wanted)
        (future,) = self._admin.alter_consumer_group_offsets([request], request_timeout=ANSWER_SECONDS).values()
        for partition in future.result(ANSWER_SECONDS).topic_partitions:
            if partition.error is not None:
                raise KafkaException(partition.error)

    def topic_id(self, topic: str) -> str:
        """Return the id that a topic got when it was made."""
        (future,) = self._admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_SECONDS).values()
        return str(future.result(ANSWER_SECONDS).topic_id)

    def _stable_offsets(self) -> dict[int, int] | None:
        """Return the offsets, or None while one is part of an open transaction."""
        request = ConsumerGroupTopicPartitions(self._name)
        (future,) = self._admin.list_consumer_group_offsets(
            [request], require_stable=True, request_timeout=ANSWER_SECONDS
        ).values()
        try:
            found = future.result(ANSWER_SECONDS).topic_partitions or []
            mine = [partition for partition in found if partition.topic == self._topic]
            for partition in mine:
                if partition.error is not None:
                    raise KafkaException(partition.error)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNSTABLE_OFFSET_COMMIT:
                return None
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise
        return {partition.partition: partition.offset for partition in mine if partition.offset >= 0}
