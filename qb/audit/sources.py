"""What the audit reads from Kafka: topics up to known ends, waiting for transactions that are open."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from confluent_kafka import KafkaException

from billing.errors import OperatorError
from billing.runtime.kafka import KafkaUnavailableError, admin_client
from billing.runtime.topic_check import check_topics
from billing.runtime.topic_reader import Record, TopicReader
from billing.settings import Settings
from billing.topic_rules import Role, TopicFinding
from qb.audit.input_reader import InputReader
from qb.reading.stall import StallWatch
from qb.reading.topics import Topics

# The topics that an audit reads; the changelog is none of them.
AUDITED = (Role.INPUT, Role.KEYED, Role.SUBTOTALS, Role.REJECTED, Role.INVOICES)


class Reader(Protocol):
    """What reads a topic: see :class:`billing.runtime.topic_reader.TopicReader`."""

    topic: str

    @property
    def next_offsets(self) -> dict[int, int]:
        """The offset up to which, exclusive, all committed records have been read, by partition."""
        ...

    def poll(self) -> list[Record]:
        """Return the records that are waiting."""
        ...


def read_until(reader: Reader, ends: Mapping[int, int]) -> Iterator[list[Record]]:
    """Yield batches until all committed records below the ends have been read; some beyond them may come too.

    Raises:
        OperatorError: nothing more comes, though an end has not been reached.
        KafkaException: the broker refuses.
    """
    watch = StallWatch()
    while any(reader.next_offsets.get(partition, 0) < end for partition, end in ends.items()):
        if records := reader.poll():
            yield records
        watch.note(reader.topic, reader.next_offsets)


class WholeTopic:
    """One topic, read from its beginning on. Close it."""

    def __init__(self, settings: Settings, topics: Topics, topic: str) -> None:
        self._topics, self._topic = topics, topic
        partitions = topics.partitions(topic)
        self._reader = TopicReader(settings, topic, partitions) if partitions else None

    def to_now(self) -> Iterator[list[Record]]:
        """Yield what was written before this call and has not been yielded, once it is committed; perhaps more."""
        if self._reader is not None:
            yield from read_until(self._reader, self._topics.ends(self._topic))

    def starts(self) -> dict[int, int]:
        """Return the offset at which each partition begins."""
        return self._topics.starts(self._topic)

    def close(self) -> None:
        """Leave the broker."""
        if self._reader is not None:
            self._reader.close()


class KafkaSources:
    """Everything that an audit reads. Use it as a context manager.

    Raises:
        OperatorError: no broker answers, or the input topic does not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = Topics(settings)
        if not self._topics.partitions(settings.counted_topic):
            raise OperatorError(f"there is no topic {settings.counted_topic} at {settings.bootstrap_servers}")
        self.ledger = WholeTopic(settings, self._topics, settings.invoices_topic)
        self.subtotals = WholeTopic(settings, self._topics, settings.subtotals_topic)
        self.rejected = WholeTopic(settings, self._topics, settings.rejected_topic)

    def __enter__(self) -> "KafkaSources":
        return self

    def __exit__(self, *_: object) -> None:
        for topic in (self.ledger, self.subtotals, self.rejected):
            topic.close()

    def topic_findings(self) -> list[TopicFinding]:
        """Return the rules of the topics that are read, with what each topic has."""
        settings = self._settings
        try:
            return check_topics(admin_client(settings), settings, AUDITED)
        except KafkaException as error:
            raise KafkaUnavailableError(
                f"the settings of the topics can't be read at {settings.bootstrap_servers}: {error}; try again"
            ) from error

    def input_starts(self) -> dict[int, int]:
        """Return the offset at which each input partition begins."""
        return self._topics.starts(self._settings.counted_topic)

    def input_ends(self) -> dict[int, int]:
        """Return the offset at which each input partition ends."""
        return self._topics.ends(self._settings.counted_topic)

    def input(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[list[Record]]:
        """Yield the input records from `starts` up to `ends`, by input partition; some beyond them may come too."""
        topic = self._settings.counted_topic
        partitions, largest = self._topics.partitions(topic), self._topics.largest_batch_bytes(topic)
        with InputReader(self._settings, partitions, starts, ends, largest) as reader:
            yield from read_until(reader, ends)
