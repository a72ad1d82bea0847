"""The rules of ids, voids and replacements as plainly as they can be said: dicts, and no thought of speed.

What the model decides of a record is what docs/once.md says; the processor, the audit and `qb explain` must agree.
"""

from collections import Counter
from dataclasses import dataclass, field

from billing.event import BillableEvent, Reason, Void

DAY_MS = 86_400_000

Record = BillableEvent | Void
# A customer and the customer's id.
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record; without a reason it was accepted.

    Args:
        reason: why it was not accepted; `Reason.DUPLICATE` if it repeats another.
        first_offset: of a duplicate or conflict, where its id was counted; else -1.
        adds: the event that it adds to the sums.
        takes_back: the event that it takes out of them.
    """

    reason: Reason | None = None
    first_offset: int = -1
    adds: BillableEvent | None = None
    takes_back: BillableEvent | None = None


@dataclass(slots=True)
class Known:
    """An id that was counted: by which record, where, and by which event time it is kept."""

    record: Record
    offset: int
    kept_by_ms: int
    is_taken_back: bool = False


@dataclass
class PartitionModel:
    """What an input partition has come to.

    Args:
        window_days: the setting `dedup_window_days`.
    """

    window_days: int
    watermark_ms: int = -1
    accepted: int = 0
    accepted_micros: int = 0
    voids: int = 0
    replaces: int = 0
    duplicates: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)
    billed: list[BillableEvent] = field(default_factory=list)
    """The events in the sums: those accepted and not taken back."""
    known: dict[Name, Known] = field(default_factory=dict)

    @property
    def consumed(self) -> int:
        """All records decided."""
        return self.accepted + self.rejected.total() + self.duplicates

    def decide(self, offset: int, record: Record) -> Outcome:
        """Decide the next record, and count it as that."""
        outcome = self._judge(record)
        if outcome.reason is None:
            self._accept(offset, record, outcome)
        elif outcome.reason is Reason.DUPLICATE:
            self.duplicates += 1
        else:
            self.rejected[outcome.reason] += 1
        return outcome

    def reject(self, reason: Reason) -> None:
        """Count a record that is rejected for itself, whatever came before."""
        self.rejected[reason] += 1

    def _judge(self, record: Record) -> Outcome:
        # Its own id first, then the one that it takes back.
        if record.id and self.window_days:
            first = self._find(record.customer, record.id)
            if first is not None:
                reason = Reason.DUPLICATE if first.record == record else Reason.ID_CONFLICT
                return Outcome(reason, first.offset)
            if isinstance(record, BillableEvent) and record.timestamp_ms < self._floor_ms:
                return Outcome(Reason.TOO_OLD)
        target = record.target if isinstance(record, Void) else record.replaces
        added = record if isinstance(record, BillableEvent) else None
        if not target:
            return Outcome(adds=added)
        known = self._find(record.customer, target)
        if known is None or not isinstance(known.record, BillableEvent):
            return Outcome(Reason.UNKNOWN_ID)
        if known.is_taken_back:
            return Outcome(Reason.ALREADY_VOIDED)
        return Outcome(adds=added, takes_back=known.record)

    @property
    def _floor_ms(self) -> int:
        """Where the window begins."""
        return self.watermark_ms - self.window_days * DAY_MS

    def _find(self, customer: str, id_: str) -> Known | None:
        known = self.known.get((customer, id_)) if self.window_days else None
        if known is None:
            return None
        day_end_ms = (known.kept_by_ms // DAY_MS + 1) * DAY_MS
        return None if day_end_ms <= self._floor_ms else known

    def _accept(self, offset: int, record: Record, outcome: Outcome) -> None:
        self.accepted += 1
        kept_by_ms = -1
        if (gone := outcome.takes_back) is not None:
            taken = self.known[gone.customer, gone.id]
            taken.is_taken_back = True
            kept_by_ms = taken.kept_by_ms
            self.billed.remove(gone)
            self.accepted_micros -= gone.amount_micros
        if (event := outcome.adds) is not None:
            kept_by_ms = event.timestamp_ms
            self.billed.append(event)
            self.accepted_micros += event.amount_micros
            self.watermark_ms = max(self.watermark_ms, event.timestamp_ms)
        self.voids += isinstance(record, Void)
        self.replaces += isinstance(record, BillableEvent) and bool(record.replaces)
        if record.id and self.window_days:
            self.known[record.customer, record.id] = Known(record, offset, kept_by_ms)


class OnceModel:
    """Decides the records of all input partitions, each by what came before in its own.

    Args:
        window_days: the setting `dedup_window_days`.
    """

    def __init__(self, window_days: int = 35) -> None:
        self._window_days = window_days
        self.partitions: dict[int, PartitionModel] = {}

    def decide(self, partition: int, offset: int, record: Record) -> Outcome:
        """Decide the next record of a partition."""
        return self.of(partition).decide(offset, record)

    def of(self, partition: int) -> PartitionModel:
        """Return what a partition has come to."""
        return self.partitions.setdefault(partition, PartitionModel(self._window_days))

    @property
    def billed(self) -> list[BillableEvent]:
        """The events in the sums, of all partitions."""
        return [event for partition in self.partitions.values() for event in partition.billed]
