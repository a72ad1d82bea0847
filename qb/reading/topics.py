"""Which topics there are, and where they begin and end."""

from confluent_kafka import KafkaException

from billing.errors import OperatorError
from billing.runtime.fetching import largest_batch_bytes
from billing.runtime.kafka import KafkaUnavailableError, admin_client
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings

ANSWER_SECONDS = 10.0


class Topics:
    """Knows which topics there were when it was made, and where they begin and end.

    Raises:
        KafkaUnavailableError: no broker answers; every method may raise it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = admin = admin_client(settings)
        self._bounds = PartitionBounds(settings, ANSWER_SECONDS, admin)
        try:
            topics = admin.list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException as error:
            raise KafkaUnavailableError(
                f"no Kafka broker answers at {settings.bootstrap_servers}: "
                "start one (qb broker) or set bootstrap_servers"
            ) from error
        self._partitions = {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has; 0 if it does not exist."""
        return self._partitions.get(topic, 0)

    def wanted(self, topic: str) -> int:
        """Return how many partitions a topic has.

        Raises:
            OperatorError: it does not exist.
        """
        if topic not in self._partitions:
            raise OperatorError(
                f"there is no topic {topic} at {self._settings.bootstrap_servers}: give the settings of the deployment"
            )
        return self._partitions[topic]

    def largest_batch_bytes(self, topic: str) -> int:
        """Return what a topic takes in one batch as it is sent."""
        return largest_batch_bytes(self._admin, topic)

    def starts(self, topic: str) -> dict[int, int]:
        """Return the log start offset of each partition."""
        return self._bounds.starts(topic, range(self.partitions(topic)))

    def ends(self, topic: str) -> dict[int, int]:
        """Return the log end offset of each partition, records of open transactions included."""
        return self._bounds.log_ends(topic, range(self.partitions(topic)))
