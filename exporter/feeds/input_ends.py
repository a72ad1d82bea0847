"""How far the input topic reaches, as the broker last told: lag is measured against it."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from billing.clock import SystemClock
from billing.errors import OperatorError
from billing.runtime.client_errors import KafkaRefusesError
from billing.runtime.kafka import KafkaUnavailableError, admin_client, refuse_unseen
from billing.runtime.logs import get_logger
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from exporter.feeds.input_tails import InputTails
from exporter.feeds.unmoved import UnmovedInput
from exporter.model.input_ends import InputEnds

logger = get_logger(__name__)

Topics = Mapping[str, Collection[int]]

INTERVAL_SECONDS = 1.0
_TIMEOUT_SECONDS = 2.0


class InputEndsPoller:
    """Asks the broker each second. What it found last is in :attr:`newest`.

    Args:
        settings: where the broker is.
        next_offsets: tells up to which offset each input partition is counted.
        subtotals_read: tells how many partitions of the subtotals topic are read; None before that is known.
        saw_ends: told of each answer: the wall clock before the question, and where the records of partitions end.
    """

    def __init__(
        self,
        settings: Settings,
        next_offsets: Callable[[], Mapping[int, int]],
        subtotals_read: Callable[[], int | None],
        saw_ends: Callable[[int, Mapping[int, int]], None] = lambda *_: None,
    ) -> None:
        self.newest = InputEnds()
        self._settings = settings
        self._next_offsets = next_offsets
        self._subtotals_read = subtotals_read
        self._saw_ends = saw_ends
        self._tails = InputTails(settings)

    def run(self, stop: threading.Event) -> None:
        """Ask until `stop` is set.

        Raises:
            OperatorError: the subtotals topic has got more partitions than are being read.
        """
        admin = admin_client(self._settings)
        bounds = PartitionBounds(self._settings, _TIMEOUT_SECONDS, admin)
        unmoved = UnmovedInput(self._settings, admin, bounds)
        while not stop.wait(INTERVAL_SECONDS if self.newest.up else 0.2):
            try:
                asked_ms = SystemClock().now_ms()
                topics = self._ask(admin)
                ends = self._ends(admin, topics, bounds)
                empty_from = self._tails.empty_from(ends, self._next_offsets())
                moved, waiting = unmoved.ask(topics)
                self.newest = InputEnds(True, "a broker answers", ends, empty_from, waiting, moved)
                self._saw_ends(asked_ms, {**ends, **empty_from})
            except KafkaRefusesError as error:
                if self.newest.message != str(error):
                    logger.warning("lag is not known", error=str(error))
                self.newest = replace(self.newest, up=False, message=str(error))
            except (KafkaException, KafkaUnavailableError) as error:
                if self.newest.up:
                    logger.warning("broker does not answer", address=self._settings.bootstrap_servers, error=error)
                message = f"no broker answers at {self._settings.bootstrap_servers}"
                self.newest = replace(self.newest, up=False, message=message)

    def _ask(self, admin: AdminClient) -> Topics:
        """Return the partitions of each topic."""
        topics = admin.list_topics(timeout=_TIMEOUT_SECONDS).topics
        if self._settings.subtotals_topic in topics:
            self._check_subtotals(len(topics[self._settings.subtotals_topic].partitions))
        return {name: topic.partitions for name, topic in topics.items()}

    def _ends(self, admin: AdminClient, topics: Topics, bounds: PartitionBounds) -> dict[int, int]:
        topic = self._settings.counted_topic
        if topic not in topics:
            refuse_unseen(admin, [topic])
            return {}
        # Committed only: what is in an open transaction cannot be counted yet.
        return bounds.stable_ends(topic, topics[topic])

    def _check_subtotals(self, partitions: int) -> None:
        read = self._subtotals_read()
        if read is not None and partitions > read:
            raise OperatorError(
                f"topic {self._settings.subtotals_topic} has got {partitions} partitions, {read} are read: "
                "restart the exporter"
            )
