"""Which input records were rejected when they came, though the rules and the clock of the replay accept them."""

from array import array
from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from billing.event import REASONS_OF_ORDER, EventRules, Reason
from billing.moved_record import counted_place
from billing.runtime.native.block import RecordBlock
from processor.kernel.rows import NO_EVENT, SLOT
from processor.reading import EventReader

BY_CLOCK = frozenset((Reason.FUTURE_TIMESTAMP.value,))
"""The reason that no rule changes: the clock of the day decided."""
FOR_THEMSELVES = frozenset(reason.value for reason in Reason) - REASONS_OF_ORDER
"""The reasons that depend on the record alone. The others the recount decides itself, by the records before."""


class RejectedPlaces:
    """Input partitions and offsets of such records, eight bytes each. Add all of them first, then ask.

    Args:
        rules: what an event must keep to.
        topic: the input topic.
        reasons: for which reasons a record stays rejected.
    """

    def __init__(self, rules: EventRules, topic: str, reasons: Set[str]) -> None:
        self._reader = EventReader(rules)
        self._topic, self._reasons = topic, reasons
        self._added: dict[int, array[int]] = {}
        self._sorted: dict[int, NDArray[np.int64]] = {}

    def read(self, block: RecordBlock, now_ms: int) -> None:
        """Take in records of the topic of rejected records: those that the rules and the clock accept."""
        reading = self._reader.read(block, now_ms)
        for index in np.flatnonzero(reading.rows[:, SLOT] != NO_EVENT).tolist():
            headers = dict(block.headers(index))
            place, reason = counted_place(headers, self._topic), headers.get("reason") or b""
            if place is not None and reason.decode("utf-8", "replace") in self._reasons:
                self._added.setdefault(place.partition, array("q")).append(place.offset)

    def among(self, partition: int, offsets: NDArray[np.int64]) -> list[int]:
        """Return the positions of such records among offsets of an input partition."""
        if partition in self._added:
            self._sorted[partition] = np.unique(np.array(self._added.pop(partition), np.int64))
        places = self._sorted.get(partition)
        if places is None:
            return []
        at = np.minimum(np.searchsorted(places, offsets), len(places) - 1)
        found: list[int] = np.flatnonzero(places[at] == offsets).tolist()
        return found
