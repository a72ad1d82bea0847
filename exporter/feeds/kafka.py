"""The feed from Kafka: reads the subtotals and the invoices whole, then live."""

import threading

from billing.runtime.kafka import ensure_topics
from billing.runtime.logs import get_logger
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings
from exporter.feeds.input_ends import InputEndsPoller
from exporter.model.read_model import ReadModel

logger = get_logger(__name__)

START_TIMEOUT_SECONDS = 30.0

_BATCH_RECORDS = 10_000
_WAIT_SECONDS = 0.1


class KafkaFeed:
    """Feeds a read model from the topics.

    Args:
        settings: where the broker is, and the names of the topics.
        model: what is fed.
        poller: is told how many partitions are read.
    """

    def __init__(self, settings: Settings, model: ReadModel, poller: InputEndsPoller) -> None:
        self._settings = settings
        self._model = model
        self._poller = poller

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set.

        Raises:
            KafkaUnavailableError: no broker answered at the start.
            KafkaException: an error that trying again does not mend.
        """
        partitions = ensure_topics(self._settings, ("subtotals", "invoices"), START_TIMEOUT_SECONDS)
        self._poller.subtotals_partitions = partitions["subtotals"]
        with (
            TopicReader(self._settings, self._settings.subtotals_topic, partitions["subtotals"]) as subtotals,
            TopicReader(self._settings, self._settings.invoices_topic, partitions["invoices"]) as invoices,
        ):
            ends = sum(subtotals.end_offsets().values()) + sum(invoices.end_offsets().values())
            while not stop.is_set():
                self._model.apply(subtotals.poll(_BATCH_RECORDS, _WAIT_SECONDS))
                self._model.apply_invoices(invoices.poll(_BATCH_RECORDS, 0.0))
                if subtotals.caught_up and invoices.caught_up:
                    self._model.caught_up()
                else:
                    read = sum(subtotals.next_offsets.values()) + sum(invoices.next_offsets.values())
                    self._model.catching_up(read, ends)
