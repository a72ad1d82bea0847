"""The feed from Kafka: reads the subtotals and the invoices whole, then live."""

import threading
import time
from collections.abc import Mapping

from billing.runtime.block_reader import BlockReader
from billing.runtime.kafka import KafkaUnavailableError, ensure_topics
from billing.runtime.logs import get_logger
from billing.runtime.memory import give_back_memory
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.topic_reader import TopicReader
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings
from exporter.model.read_model import ReadModel
from exporter.model.state import State
from exporter.model.warm import compile_kernels

logger = get_logger(__name__)

TOPICS = ("subtotals", "invoices")

START_TIMEOUT_SECONDS = 30.0

_BATCH_RECORDS = 10_000
# How long one call waits for the first record; records of the other topic wait as long.
_WAIT_SECONDS = 0.02
_PAUSE_SECONDS = 0.5


class KafkaFeed:
    """Feeds a read model from the topics.

    Args:
        settings: where the broker is, and the names of the topics.
        model: what is fed.
        topics: checks the topics while they are read; entered here.
    """

    def __init__(self, settings: Settings, model: ReadModel, topics: TopicWatch) -> None:
        self._settings = settings
        self._model = model
        self._topics = topics
        self._subtotals_partitions: int | None = None

    @property
    def subtotals_partitions(self) -> int | None:
        """How many partitions of the subtotals topic are read; None before that is known."""
        return self._subtotals_partitions

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set.

        Raises:
            KafkaUnavailableError: no broker answered at the start.
            TopicRefusedError: a topic is, or has become, one whose records are lost.
            KafkaException: an error that trying again does not mend.
        """
        partitions = ensure_topics(self._settings, TOPICS, START_TIMEOUT_SECONDS)
        self._subtotals_partitions = partitions["subtotals"]
        compile_kernels()
        with (
            BlockReader(
                self._settings, self._settings.subtotals_topic, partitions["subtotals"], _BATCH_RECORDS
            ) as subtotals,
            TopicReader(self._settings, self._settings.invoices_topic, partitions["invoices"]) as invoices,
            self._topics as topics,
        ):
            ends = _records_to_read(self._settings, partitions, stop)
            while not stop.is_set():
                topics.raise_refusal()
                with subtotals.lent(_WAIT_SECONDS) as block:
                    self._model.apply(block)
                self._model.apply_invoices(invoices.poll(_BATCH_RECORDS, 0.0))
                if subtotals.caught_up and invoices.caught_up:
                    was_ready = self._model.state is State.READY
                    self._model.caught_up()
                    if self._model.state is State.READY and not was_ready:
                        give_back_memory()
                else:
                    read = sum(subtotals.next_offsets.values()) + sum(invoices.next_offsets.values())
                    self._model.catching_up(read, ends)


def _records_to_read(settings: Settings, partitions: Mapping[str, int], stop: threading.Event) -> int:
    """Return the sum of both topics' log ends, asking again while Kafka starts and its partitions have no leader.

    Raises:
        KafkaUnavailableError: no answer in time.
    """
    bounds = PartitionBounds(settings)
    topics = {settings.subtotals_topic: partitions["subtotals"], settings.invoices_topic: partitions["invoices"]}
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            return sum(sum(bounds.log_ends(topic, range(count)).values()) for topic, count in topics.items())
        except KafkaUnavailableError:
            if time.monotonic() > deadline:
                raise
            if stop.wait(_PAUSE_SECONDS):
                return 0
