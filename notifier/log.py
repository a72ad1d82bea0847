"""The ledger on Kafka, as the one who sends has it.

What became of a notification is one record, outside transactions: one that stayed open would keep those who decide from
reading the ledger.
"""

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from billing.notification import Delivery
from billing.notification_ledger import KeyValue, Sender, encode
from billing.runtime.client_errors import raise_if_forbidden
from billing.runtime.kafka import KafkaUnavailableError, client_config
from billing.runtime.ledger_writer import LEDGER_PARTITION
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings

_POLL_SECONDS = 0.2
_WRITE_SECONDS = 60.0


class KafkaDeliveriesLog:
    """Reads the ledger from its start, and writes deliveries. Close it.

    Reading and writing may happen in two threads, each in one at a time.

    Args:
        settings: where the broker is, and the topic.
        partitions: how many the topic has.
    """

    def __init__(self, settings: Settings, partitions: int) -> None:
        self._topic = settings.notifications_topic
        self._reader = TopicReader(settings, self._topic, partitions)
        self._producer = Producer({**client_config(settings), "enable.idempotence": True, "linger.ms": 0})

    @property
    def caught_up(self) -> bool:
        """Whether all that was there at the start has been read."""
        return self._reader.caught_up

    def poll(self) -> list[KeyValue]:
        """Return the records that are waiting; none if there are none in time.

        Raises:
            KafkaException: the broker refuses.
        """
        return [(one.key or b"", one.value or b"") for one in self._reader.poll(timeout_seconds=_POLL_SECONDS)]

    def write(self, record: Delivery | Sender) -> None:
        """Write what became of a notification, or who sends, and wait until it is there.

        Raises:
            KafkaUnavailableError: no broker takes it in time.
            KafkaRefusesError: the broker does not allow it.
            KafkaException: the broker refuses.
        """
        errors: list[KafkaError] = []

        def note(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                errors.append(error)

        key, value = encode(record)
        try:
            self._producer.produce(self._topic, value, key, partition=LEDGER_PARTITION, on_delivery=note)
        except KafkaException as error:
            # Who may write nothing at all is refused before anything is sent.
            raise_if_forbidden(error, f"write topic {self._topic}")
            raise
        if self._producer.flush(_WRITE_SECONDS):
            raise KafkaUnavailableError(f"no broker takes a record for {self._topic} in {_WRITE_SECONDS:.0f} seconds")
        if errors:
            raise_if_forbidden(KafkaException(errors[0]), f"write topic {self._topic}")
            raise KafkaException(errors[0])

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()
        self._producer.flush(1.0)
