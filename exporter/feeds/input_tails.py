"""Whether what lies behind the last record counted is records at all.

A producer with transactions writes a marker behind each one. Markers take offsets and are never read, so at rest the
end of such a partition stays ahead of the last record by one or more, and an end minus an offset would tell of a lag
that nobody can ever catch up with. So once nothing moves any more, the tail is read: no records in it, no lag.
"""

from collections.abc import Mapping

from billing.runtime.partition_bounds import Bounds, find_records
from billing.settings import Settings

_TIMEOUT_SECONDS = 2.0


class InputTails:
    """Remembers of each tail that stands still whether it holds records.

    Args:
        settings: where the broker is, and the input topic.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._before: dict[int, Bounds] = {}
        self._known: dict[int, tuple[Bounds, bool]] = {}

    def empty_from(self, ends: Mapping[int, int], next_offsets: Mapping[int, int]) -> dict[int, int]:
        """Return the offsets behind which input partitions hold no records, of those that are not at their end.

        Args:
            ends: the stable ends of all input partitions.
            next_offsets: of those that have been counted.

        Raises:
            KafkaException: an error that trying again does not mend.
        """
        tails = {p: Bounds(next_offsets[p], end) for p, end in ends.items() if 0 < next_offsets.get(p, end) < end}
        unknown = {p: tail for p, tail in tails.items() if self._before.get(p) == tail and not self._knows(p, tail)}
        self._before = tails
        if unknown:
            found = find_records(self._settings, self._settings.counted_topic, unknown, _TIMEOUT_SECONDS)
            self._known |= {partition: (tails[partition], holds) for partition, holds in found.items()}
        return {p: tail.start for p, tail in tails.items() if self._known.get(p) == (tail, False)}

    def _knows(self, partition: int, tail: Bounds) -> bool:
        return partition in self._known and self._known[partition][0] == tail
