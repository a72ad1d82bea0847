"""Looks into the input topic for a record that the processor has not counted."""

from confluent_kafka import Consumer, KafkaError, TopicPartition

from billing.runtime.kafka import reader_config
from billing.settings import Settings

_WAIT_SECONDS = 5.0


class InputProbe:
    """Tells unread records from the markers that transactions leave behind: both make a partition's end move on."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.input_topic
        self._config = reader_config(settings)

    def holds_record(self, partition: int, offset: int) -> bool:
        """Say whether the partition holds a committed record from `offset` on, or may do so.

        Where the broker does not answer, or no longer has that offset, the answer is that it may.
        """
        consumer = Consumer(self._config)
        try:
            consumer.assign([TopicPartition(self._topic, partition, offset)])
            message = consumer.poll(_WAIT_SECONDS)
            at_end = message is not None and message.error() and message.error().code() == KafkaError._PARTITION_EOF
            return not at_end
        finally:
            consumer.close()
