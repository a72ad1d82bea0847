"""Whether what lies behind the last record counted is records at all.

A producer with transactions writes a marker behind each one. Markers take offsets and are never read, so at rest the
end of such a partition stays ahead of the last record by one or more, and an end minus an offset would tell of a lag
that nobody can ever catch up with. So once nothing moves any more, the tail is read: no records in it, no lag.
"""

import time
from collections.abc import Mapping

from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings

_TIMEOUT_SECONDS = 2.0
_WAIT_SECONDS = 0.2

# Offset after the last record counted, and end of the partition.
Tail = tuple[int, int]


class InputTails:
    """Remembers of each tail that stands still whether it holds records.

    Args:
        settings: where the broker is, and the input topic.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._before: dict[int, Tail] = {}
        self._known: dict[int, tuple[Tail, bool]] = {}

    def empty_from(self, ends: Mapping[int, int], next_offsets: Mapping[int, int]) -> dict[int, int]:
        """Return the offsets behind which input partitions hold no records, of those that are not at their end.

        Args:
            ends: of all input partitions.
            next_offsets: of those that have been counted.

        Raises:
            KafkaException: an error that trying again does not mend.
        """
        tails = {p: (next_offsets[p], end) for p, end in ends.items() if 0 < next_offsets.get(p, end) < end}
        unknown = {p: t for p, t in tails.items() if self._before.get(p) == t and self._known.get(p, (None,))[0] != t}
        self._before = tails
        if unknown:
            for partition, holds_records in self._read(unknown, ends).items():
                self._known[partition] = (tails[partition], holds_records)
        return {p: tail[0] for p, tail in tails.items() if self._known.get(p) == (tail, False)}

    def _read(self, tails: Mapping[int, Tail], ends: Mapping[int, int]) -> dict[int, bool]:
        """Return whether tails hold records; a tail that does not tell in time is left out."""
        found: dict[int, bool] = {}
        starts = {**ends, **{partition: start for partition, (start, _) in tails.items()}}
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        with TopicReader(self._settings, self._settings.input_topic, len(ends), starts) as reader:
            while len(found) < len(tails) and time.monotonic() < deadline:
                for record in reader.poll(100, _WAIT_SECONDS):
                    found[record.partition] = True
                for partition, (_, end) in tails.items():
                    if reader.next_offsets[partition] >= end:
                        found.setdefault(partition, False)
        return {partition: found[partition] for partition in tails if partition in found}
