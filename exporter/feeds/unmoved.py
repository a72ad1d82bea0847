"""How much of the input waits to be moved by customer, with `dedup_scope: topic`: nobody counts it before that."""

from collections.abc import Collection, Mapping

from confluent_kafka.admin import AdminClient

from billing.runtime.client_errors import KafkaRefusesError
from billing.runtime.kafka import KafkaUnavailableError
from billing.runtime.logs import get_logger
from billing.runtime.moved_offsets import moved_offsets
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from exporter.feeds.input_tails import InputTails
from exporter.model.input_ends import InputEnds

logger = get_logger(__name__)

_TIMEOUT_SECONDS = 2.0


class UnmovedInput:
    """Asks the broker how far the input is moved. Without `dedup_scope: topic` nothing waits, and nobody is asked.

    Args:
        settings: where the broker is, and the topics.
        admin: who asks how far the input is moved.
        bounds: who asks where it ends.
    """

    def __init__(self, settings: Settings, admin: AdminClient, bounds: PartitionBounds) -> None:
        self._settings, self._admin, self._bounds = settings, admin, bounds
        self._is_moved = settings.dedup_scope == "topic"
        # The topic that is counted from by these settings is the input.
        self._tails = InputTails(settings.model_copy(update={"dedup_scope": "partition"}))
        self._is_told = True

    def ask(self, topics: Mapping[str, Collection[int]]) -> tuple[Mapping[int, int], Mapping[int, int] | None]:
        """Return, by input partition, the offset up to which it is moved, and how many records wait; None if not told.

        Args:
            topics: the partitions of each topic that there is.

        Raises:
            KafkaUnavailableError: the broker does not answer with the ends of the input.
            KafkaException: an error that trying again does not mend.
        """
        partitions = topics.get(self._settings.input_topic, ()) if self._is_moved else ()
        if not partitions:
            return {}, {}
        moved = self._moved()
        if moved is None:
            return {}, None
        ends = self._bounds.stable_ends(self._settings.input_topic, partitions)
        return moved, InputEnds(True, "", ends, self._tails.empty_from(ends, moved)).lag(moved)

    def _moved(self) -> dict[int, int] | None:
        """Return how far the input is moved; a refusal hides this alone, for all else is known without it."""
        try:
            found = moved_offsets(self._admin, self._settings, _TIMEOUT_SECONDS)
        except (KafkaUnavailableError, KafkaRefusesError) as error:
            if self._is_told:
                logger.warning("not told how far the input is moved", error=str(error))
            self._is_told = False
            return None
        self._is_told = True
        return found
