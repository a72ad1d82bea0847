"""Which input partitions have records in the changelog or in the subtotals topic whose transaction has no end there.

A coordinator that has decided a transaction writes a marker to each partition that is in it. Where a broker starts
again after it was killed in between, Apache Kafka 4.3 finds no leader of a partition for a moment, takes it to be
deleted and passes it over: the transaction is over, and records of it hang: docs/decisions/hanging-transactions.md.
"""

from collections.abc import Iterable

from billing.runtime.kafka import KafkaUnavailableError
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from billing.topics import changelog_topic, subtotals_partition


class OpenEnds:
    """Asks for the ends of what the processor writes.

    Args:
        settings: the topics, and where the broker is.
        subtotals_partitions: how many partitions the subtotals topic has.
    """

    def __init__(self, settings: Settings, subtotals_partitions: int) -> None:
        self._settings = settings
        self._changelog = changelog_topic(settings.consumer_group, settings.counted_topic)
        self._subtotals_partitions = subtotals_partitions

    def of(self, partitions: Iterable[int]) -> set[int]:
        """Return those input partitions whose changelog, or whose subtotals, have an open end.

        Raises:
            TimeoutError: no broker answers in time.
            KafkaRefusesError: the broker does not allow to ask.
        """
        places = {partition: subtotals_partition(partition, self._subtotals_partitions) for partition in partitions}
        if not places:
            return set()
        bounds = PartitionBounds(self._settings)
        try:
            logs = open_partitions(bounds, self._changelog, places)
            totals = open_partitions(bounds, self._settings.subtotals_topic, set(places.values()))
        except KafkaUnavailableError as error:
            raise TimeoutError(str(error)) from None  # it passes, while an operator's error stops the processor
        return {partition for partition, place in places.items() if partition in logs or place in totals}


def open_partitions(bounds: PartitionBounds, topic: str, partitions: Iterable[int]) -> set[int]:
    """Return those partitions of a topic whose last records belong to transactions without an end."""
    # In this order: what is begun and ended in between is no open end.
    ends = bounds.log_ends(topic, partitions)
    stable = bounds.stable_ends(topic, partitions)
    return {partition for partition, end in ends.items() if stable[partition] < end}
