"""Reads the topics that tell something, each from its beginning to where it ended a moment ago."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from billing.errors import OperatorError
from billing.runtime.block_reader import BlockReader
from billing.runtime.kafka import KafkaUnavailableError, admin_client
from billing.runtime.native.block import RecordBlock
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from qb.explain.reading_display import ReadingDisplay

ANSWER_SECONDS = 10.0


class Topics:
    """Knows which topics there are, and where they begin and end.

    Raises:
        KafkaUnavailableError: no broker answers; every method may raise it.
    """

    def __init__(self, settings: Settings) -> None:
        admin = admin_client(settings)
        self._servers = settings.bootstrap_servers
        self._partitions = _partitions(admin, self._servers)
        self.bounds = PartitionBounds(settings, ANSWER_SECONDS, admin)

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has; 0 if it does not exist."""
        return self._partitions.get(topic, 0)

    def wanted(self, topic: str) -> int:
        """Return how many partitions a topic has.

        Raises:
            OperatorError: it does not exist.
        """
        if topic not in self._partitions:
            raise OperatorError(f"there is no topic {topic} at {self._servers}: give the settings of the deployment")
        return self._partitions[topic]

    def starts(self, topic: str) -> dict[int, int]:
        """Return the offset at which each partition begins."""
        return self.bounds.starts(topic, range(self.partitions(topic)))


def _partitions(admin: AdminClient, servers: str) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=ANSWER_SECONDS).topics
    except KafkaException as error:
        raise KafkaUnavailableError(
            f"no Kafka broker answers at {servers}: start one (qb broker) or set bootstrap_servers"
        ) from error
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


class TopicScan(AbstractContextManager["TopicScan"]):
    """One topic, read from its beginning on. A topic that does not exist is empty.

    Args:
        settings: where the broker is.
        topics: which topics there are.
        topic: the one that is read.
        display: told of what is read, and looks whether to stop.
    """

    def __init__(self, settings: Settings, topics: Topics, topic: str, display: ReadingDisplay) -> None:
        self._topics, self._topic, self._display = topics, topic, display
        partitions = topics.partitions(topic)
        self._reader = (
            BlockReader(settings, topic, partitions, natively=settings.native_reading) if partitions else None
        )

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.close()

    def to_now(self) -> Iterator[RecordBlock]:
        """Yield what was written before this call and has not been yielded, once it is committed; perhaps more.

        A block ends with its turn.

        Raises:
            OperatorError: nothing more comes, though the end has not been reached.
            KafkaException: the broker refuses.
        """
        if self._reader is None:
            return
        ends = self._topics.bounds.log_ends(self._topic, range(self._topics.partitions(self._topic)))
        yield from blocks_until(self._reader, ends, self._display)


def blocks_until(reader: BlockReader, ends: Mapping[int, int], display: ReadingDisplay) -> Iterator[RecordBlock]:
    """Yield blocks until all committed records below the ends have been read; some beyond them may come too.

    Raises:
        OperatorError: nothing more comes, though an end has not been reached.
        KafkaException: the broker refuses.
    """
    while any(reader.next_offsets.get(partition, 0) < end for partition, end in ends.items()):
        with reader.lent() as block:
            if len(block):
                yield block
        display.note(reader.topic, reader.next_offsets)
