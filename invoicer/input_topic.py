"""The input topic as the invoicer sees it: where its partitions begin and end, and whether a record waits in one."""

from collections.abc import Mapping

from confluent_kafka import KafkaException

from billing.runtime.partition_bounds import Bounds, PartitionBounds, find_records
from billing.settings import Settings

_WAIT_SECONDS = 5.0


class InputTopic:
    """Asks the broker. Ends are log ends: what an open transaction holds may become events of the month.

    Args:
        settings: where the broker is, and the topic.
        bounds: who asks.
    """

    def __init__(self, settings: Settings, bounds: PartitionBounds) -> None:
        self._settings = settings
        self._bounds = bounds

    def logs(self) -> Mapping[int, Bounds]:
        """Return where each partition begins and ends, those included that were added a moment ago.

        Raises:
            KafkaUnavailableError: the broker does not answer in time.
        """
        topic = self._settings.counted_topic
        return self._bounds.logs(topic, range(self._bounds.partitions(topic)))

    def holds_record(self, partition: int, stretch: Bounds) -> bool:
        """Say whether the partition holds a record that is committed or still may be, or may hold one.

        Where the broker does not answer, or no longer has the first offset, the answer is that it may.
        """
        try:
            found = find_records(self._settings, self._settings.counted_topic, {partition: stretch}, _WAIT_SECONDS)
        except KafkaException:
            return True
        return found.get(partition, True)
