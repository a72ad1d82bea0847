"""Which events were rejected though today's rules and clock would accept them: a few bytes each."""

from array import array
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from billing.moved_record import counted_place

_NO_OFFSETS: NDArray[np.int64] = np.empty(0, np.int64)


class RejectedPlaces:
    """Input partitions and offsets of rejected records, with the reasons. Add all of them first, then ask."""

    def __init__(self) -> None:
        self._reasons: list[str] = []
        # Input partition -> offsets, and the number of the reason of each.
        self._added: dict[int, tuple[array[int], array[int]]] = {}
        self._sorted: dict[int, tuple[NDArray[np.int64], NDArray[np.uint8]]] = {}

    def add(self, partition: int, offset: int, reason: str) -> None:
        """Take a rejected record in."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        offsets, reasons = self._added.setdefault(partition, (array("q"), array("B")))
        offsets.append(offset)
        reasons.append(self._reasons.index(reason))

    def reason_at(self, partition: int, offset: int) -> str:
        """Return why the record at an offset was rejected; empty if it was not."""
        if partition in self._added:
            self._sort(partition)
        offsets, reasons = self._sorted.get(partition, (_NO_OFFSETS, None))
        place = int(np.searchsorted(offsets, offset))
        if reasons is None or place == len(offsets) or offsets[place] != offset:
            return ""
        return self._reasons[int(reasons[place])]

    def _sort(self, partition: int) -> None:
        added, reasons = self._added.pop(partition)
        offsets = np.array(added, np.int64)
        order = np.argsort(offsets, kind="stable")
        self._sorted[partition] = offsets[order], np.array(reasons, np.uint8)[order]


def note_place(headers: Mapping[str, bytes | None], topic: str, places: RejectedPlaces) -> None:
    """Take a rejected record down by its headers; one that is of another topic, or tells no place, is none of ours."""
    place = counted_place(headers, topic)
    if place is not None:
        places.add(place.partition, place.offset, (headers.get("reason") or b"").decode("utf-8", "replace"))
