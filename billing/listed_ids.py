"""What became of a customer's records by their ids, where all that were rejected are known.

A record that is not among the rejected ones was counted, or is a duplicate: one that repeats what its id was counted
for. So the watermark need not be known: by the rules (docs/once.md) a repeated event whose id is forgotten lies before
the window and is rejected, and an id that is counted with other content was forgotten before.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from billing.event import BillableEvent, Reason, Void
from billing.known_id import DAY_MS, Ids, KnownId, known_as, target_of
from billing.listed_record import Fate, Listed, RecordLister, Sent, left_out

# No day is before it.
_EVERY_DAY = -(10**9)


class IdFates:
    """Follows the ids of one customer through the records of the input.

    Args:
        lister: says how an event is listed.
        ids_of: the ids of an input partition.
        window_days: the setting `dedup_window_days`.
    """

    def __init__(self, lister: RecordLister, ids_of: Callable[[int], Ids], window_days: int) -> None:
        self._lister, self._ids_of, self._window_days = lister, ids_of, window_days
        self._watermarks: dict[int, int] = {}

    def first_day(self, partition: int) -> int:
        """Return a day before which no id of the customer is known: by the customer's own highest event time."""
        highest_ms = self._watermarks.get(partition, -1)
        return highest_ms // DAY_MS - self._window_days if self._window_days else _EVERY_DAY

    def listed(self, sent: Sent) -> Iterator[Listed]:
        """Yield how a record is listed that is not among the rejected ones: what it takes back, and what it adds.

        Records of an input partition come in the order of their offsets.
        """
        record, one = sent.record, sent.listed
        if not self._window_days:
            yield one
            return
        ids = self._ids_of(one.partition)
        target, first = target_of(record), ids.find(record.customer, record.id, _EVERY_DAY) if record.id else None
        taken = ids.find(record.customer, target, _EVERY_DAY) if target else None
        if first is not None and first.says(record) and (not isinstance(record, Void) or _is_of(first, taken)):
            yield left_out(one, Reason.DUPLICATE, f"repeats offset {first.offset}")
            return
        if target:
            yield self._taken_back(record, one, taken)
        self._keep(ids, record, one, taken)
        if isinstance(record, BillableEvent):
            yield one

    def _taken_back(self, record: BillableEvent | Void, one: Listed, taken: KnownId | None) -> Listed:
        way, target = ("void" if isinstance(record, Void) else "replace"), target_of(record)
        if taken is None or taken.timestamp_ms is None:
            why = f"takes back {target}, which is not in the input any more"
            return Listed(one.partition, one.offset, "", None, None, "", one.id, Fate.TAKES_BACK, way, why)
        event = BillableEvent(taken.timestamp_ms, record.customer, -taken.amount_micros, taken.type, one.id)
        back = self._lister.added(one.partition, one.offset, event)
        why = f"takes back {target}, counted at offset {taken.offset}"
        return replace(back, fate=Fate.TAKES_BACK, reason=way, detail=why, taken_offset=taken.offset)

    def _keep(self, ids: Ids, record: BillableEvent | Void, one: Listed, taken: KnownId | None) -> None:
        if taken is not None:
            ids.put(record.customer, target_of(record), taken.taken_back(one.offset))
        if record.id:
            ids.put(record.customer, record.id, known_as(one.offset, record, taken.day if taken else _EVERY_DAY))
        if isinstance(record, BillableEvent):
            highest_ms = self._watermarks.get(one.partition, -1)
            self._watermarks[one.partition] = max(highest_ms, record.timestamp_ms)


def _is_of(void: KnownId, taken: KnownId | None) -> bool:
    """Return whether a void took back what its target stands for now, and not an event of the same id before."""
    return taken is not None and taken.taken_by == void.offset
