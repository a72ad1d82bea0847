"""How far the input topic reaches, as the broker last told: lag is measured against it."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from billing.errors import OperatorError
from billing.runtime.kafka import client_config
from billing.settings import Settings

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class InputEnds:
    """One look at the broker.

    Args:
        up: whether it answered.
        message: the same in a sentence.
        offsets: end of each input partition; the newest ones known if it did not answer now.
    """

    up: bool = False
    message: str = "no broker has answered yet"
    offsets: Mapping[int, int] = field(default_factory=dict)

    def lag(self, next_offsets: Mapping[int, int]) -> dict[int, int]:
        """Return the input records not counted yet, by input partition."""
        return {p: max(0, end - next_offsets.get(p, 0)) for p, end in self.offsets.items()}


class InputEndsPoller:
    """Asks the broker each second. What it found last is in :attr:`newest`.

    Args:
        settings: where the broker is.
        subtotals_partitions: how many partitions of the subtotals topic are read, once that is known.
    """

    def __init__(self, settings: Settings) -> None:
        self.newest = InputEnds()
        self.subtotals_partitions: int | None = None
        self._settings = settings

    def run(self, stop: threading.Event) -> None:
        """Ask until `stop` is set.

        Raises:
            OperatorError: the subtotals topic has got more partitions than are being read.
        """
        admin = AdminClient(client_config(self._settings))
        while not stop.wait(INTERVAL_SECONDS if self.newest.up else 0.2):
            try:
                self.newest = InputEnds(True, "a broker answers", self._ask(admin))
            except KafkaException as error:
                if self.newest.up:
                    logger.warning(
                        "broker does not answer address=%s error=%s", self._settings.bootstrap_servers, error
                    )
                message = f"no broker answers at {self._settings.bootstrap_servers}"
                self.newest = InputEnds(False, message, self.newest.offsets)

    def _ask(self, admin: AdminClient) -> dict[int, int]:
        topics = admin.list_topics(timeout=_TIMEOUT_SECONDS).topics
        self._check_subtotals(len(topics[self._settings.subtotals_topic].partitions)
                              if self._settings.subtotals_topic in topics else None)  # fmt: skip
        topic = self._settings.input_topic
        if topic not in topics:
            return {}
        wanted = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in topics[topic].partitions}
        # Committed only: what is in an open transaction cannot be counted yet.
        answers = admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT_SECONDS
        )
        return {asked.partition: answer.result().offset for asked, answer in answers.items()}

    def _check_subtotals(self, partitions: int | None) -> None:
        known = self.subtotals_partitions
        if known is not None and partitions is not None and partitions > known:
            raise OperatorError(
                f"topic {self._settings.subtotals_topic} has got {partitions} partitions, {known} are read: "
                "restart the exporter"
            )
