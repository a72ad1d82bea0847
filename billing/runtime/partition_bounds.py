"""Where partitions begin and end, and whether what lies in between is records or only Kafka's transaction markers.

A partition has two ends. The *log end* counts what open transactions have written: use it to wait until nothing that
was sent is missing. The *stable end* is where the oldest open transaction begins: use it to measure what could be
read by now. A transaction leaves a marker behind that takes an offset and is never read, so the offset after the last
record and either end differ even at rest; :func:`find_records` tells a marker from a record that waits.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from billing.runtime.client_errors import raise_if_forbidden, raise_read_error
from billing.runtime.fetching import is_refused, swift
from billing.runtime.kafka import KafkaUnavailableError, admin_client, is_passing, meet_brokers, reader_config
from billing.settings import Settings

_POLL_SECONDS = 0.2
# A partition that was added a moment ago has no leader yet, or not every broker knows it.
_PATIENT_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
# One record of each partition tells enough; a fetch holds a few markers, and hardly two batches that unpack to much.
_FEW = {"fetch.message.max.bytes": 4_096}


@dataclass(frozen=True, slots=True)
class Bounds:
    """A stretch of a partition: the offset of its first record and the one after its last."""

    start: int
    end: int

    @property
    def is_empty(self) -> bool:
        """Whether it holds neither records nor markers."""
        return self.start >= self.end


class PartitionBounds:
    """Asks the broker where the partitions of topics begin and end.

    Each method raises :class:`~billing.runtime.kafka.KafkaUnavailableError` if the broker does not answer in time, and
    :class:`~billing.runtime.client_errors.KafkaRefusesError` if it does not allow to ask for the topic.

    Args:
        settings: where the broker is.
        answer_seconds: how long to wait for an answer.
        admin: who asks; None makes a client.
    """

    def __init__(self, settings: Settings, answer_seconds: float = 5.0, admin: AdminClient | None = None) -> None:
        self._servers = settings.bootstrap_servers
        self._answer_seconds = answer_seconds
        self._settings = settings
        self._admin = admin or admin_client(settings)

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has now."""
        try:
            found = self._admin.list_topics(topic, timeout=self._answer_seconds).topics[topic]
        except KafkaException as error:
            raise KafkaUnavailableError(
                f"no broker answers with the partitions of {topic} at {self._servers}"
            ) from error
        if found.error is not None:
            raise_if_forbidden(KafkaException(found.error), f"see topic {topic}")
            raise KafkaUnavailableError(
                f"no broker at {self._servers} answers with the partitions of {topic}: {found.error}"
            )
        return len(found.partitions)

    def starts(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the log start of each partition: the offset of the first record that is still there, or was."""
        return self._ask(topic, partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)

    def log_ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the log end of each partition, records of open transactions included."""
        return self._ask(topic, partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)

    def stable_ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the stable end of each partition: all before it is committed or aborted."""
        return self._ask(topic, partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)

    def logs(self, topic: str, partitions: Iterable[int]) -> dict[int, Bounds]:
        """Return log start and log end of each partition."""
        wanted = list(partitions)
        starts, ends = self.starts(topic, wanted), self.log_ends(topic, wanted)
        return {partition: Bounds(starts[partition], ends[partition]) for partition in wanted}

    def _ask(
        self, topic: str, partitions: Iterable[int], spec: OffsetSpec, isolation: IsolationLevel
    ) -> dict[int, int]:
        asked = {TopicPartition(topic, partition): spec for partition in partitions}
        patient_until = time.monotonic() + _PATIENT_SECONDS
        while asked:
            try:
                return self._ask_once(asked, isolation)
            except (KafkaException, TimeoutError) as error:
                # A client may keep the leader epoch of before a restart and be refused for ever: the next one is new.
                self._admin = admin_client(self._settings)
                if isinstance(error, KafkaException):
                    raise_if_forbidden(error, f"see topic {topic}")
                passes = isinstance(error, KafkaException) and is_passing(error.args[0])
                if not passes or time.monotonic() > patient_until:
                    raise KafkaUnavailableError(
                        f"no broker answers with the offsets of {topic} at {self._servers}"
                    ) from error
                time.sleep(_PAUSE_SECONDS)
        return {}

    def _ask_once(self, asked: Mapping[TopicPartition, OffsetSpec], isolation: IsolationLevel) -> dict[int, int]:
        answers = self._admin.list_offsets(asked, isolation_level=isolation, request_timeout=self._answer_seconds)
        return {at.partition: answer.result(self._answer_seconds).offset for at, answer in answers.items()}


def find_records(
    settings: Settings, topic: str, stretches: Mapping[int, Bounds], timeout_seconds: float
) -> dict[int, bool]:
    """Return whether partitions hold a committed record from an offset on; False means nothing but markers.

    A partition that does not tell in time is left out: the broker does not answer, or a transaction is open before
    the stretch's end.

    Args:
        settings: where the broker is.
        topic: the topic.
        stretches: by partition, from where on to look and how far at least; a log end waits for transactions that
            are open, a stable end does not.
        timeout_seconds: how long to look.

    Raises:
        KafkaRefusesError: a broker does not allow it.
        KafkaException: an offset that is no longer there, or another error that trying again does not mend.
    """
    consumer = Consumer({**reader_config(settings), **swift(settings), **_FEW})
    try:
        return find_records_with(consumer, topic, stretches, timeout_seconds)
    finally:
        consumer.close()


def find_records_with(
    consumer: Consumer, topic: str, stretches: Mapping[int, Bounds], timeout_seconds: float
) -> dict[int, bool]:
    """Do what :func:`find_records` does with a consumer that reads committed records and tells partition ends.

    A batch that the client would not unpack holds records, whatever they are.
    """
    found = {partition: False for partition, stretch in stretches.items() if stretch.is_empty}
    wanted = {partition: stretch for partition, stretch in stretches.items() if not stretch.is_empty}
    deadline = time.monotonic() + timeout_seconds
    meet_brokers(consumer, topic, timeout_seconds)
    consumer.assign([TopicPartition(topic, partition, stretch.start) for partition, stretch in wanted.items()])
    while wanted and time.monotonic() < deadline:
        message = consumer.poll(min(_POLL_SECONDS, timeout_seconds))
        if message is None:
            continue
        error, partition = message.error(), message.partition()
        if partition in wanted and (error is None or is_refused(error)):
            del wanted[partition]
            found[partition] = True
        elif error is not None and error.code() == KafkaError._PARTITION_EOF:
            if partition in wanted and message.offset() >= wanted[partition].end:
                del wanted[partition]
                found[partition] = False
        elif error is not None and not is_passing(error):
            raise_read_error(error, topic)
    return found
