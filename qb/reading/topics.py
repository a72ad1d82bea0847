"""Which topics there are, and where they begin and end."""

from billing.errors import OperatorError
from billing.runtime.fetching import largest_batch_bytes
from billing.runtime.kafka import reached_admin, refuse_unseen
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings

ANSWER_SECONDS = 10.0


class Topics:
    """Knows which topics there were when it was made, and where they begin and end.

    Raises:
        KafkaUnavailableError: no broker answers; every method may raise it.
        KafkaRefusesError: a broker does not let this client in.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = admin = reached_admin(settings, ANSWER_SECONDS)
        self._bounds = PartitionBounds(settings, ANSWER_SECONDS, admin)
        topics = admin.list_topics(timeout=ANSWER_SECONDS).topics
        self._partitions = {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has; 0 if it does not exist.

        Raises:
            KafkaRefusesError: this user may not see it.
        """
        if topic not in self._partitions:
            refuse_unseen(self._admin, [topic])
        return self._partitions.get(topic, 0)

    def is_listed(self, topic: str) -> bool:
        """Return whether a topic was there, as far as this user may see."""
        return topic in self._partitions

    def wanted(self, topic: str) -> int:
        """Return how many partitions a topic has.

        Raises:
            OperatorError: it does not exist.
        """
        if not self.partitions(topic):
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
