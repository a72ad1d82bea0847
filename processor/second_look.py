"""A second look at State that does not fit its group's offsets: a commit does not show everywhere at once.

The coordinator answers a commit before its markers lie in each partition that it wrote to. A partition that is taken
over right then may have the group's new offset and, for seconds on a slow broker, a changelog that ends before the
commit. State that is restored from that is behind; restored again, it is not.
"""

from billing.runtime.kafka import KafkaUnavailableError
from billing.runtime.partition_bounds import PartitionBounds
from billing.settings import Settings
from billing.topics import changelog_topic
from processor.open_ends import open_partitions

# Fewer than failures after which the processor gives up: what remains a mismatch is told as one.
MOST_LOOKS = 7


class SecondLook:
    """Decides whether what does not fit is looked at again: once in any case, and while the changelog has an open end.

    Args:
        settings: what the processor keeps to.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looks = 0

    def is_due(self) -> bool:
        """Note that State does not fit, and return whether to look again."""
        self._looks += 1
        return self._looks == 1 or (self._looks < MOST_LOOKS and self._has_open_end())

    def has_fitted(self) -> None:
        """Note that State does fit: the next time counts as the first."""
        self._looks = 0

    def _has_open_end(self) -> bool:
        """Return whether records of the changelog belong to transactions without an end; also if nobody answers."""
        changelog = changelog_topic(self._settings.consumer_group, self._settings.counted_topic)
        try:
            bounds = PartitionBounds(self._settings)
            return bool(open_partitions(bounds, changelog, range(bounds.partitions(changelog))))
        except KafkaUnavailableError:
            return True
