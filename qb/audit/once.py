"""What becomes of a record by what came before it: repeats, conflicts, voids and replacements, as docs/once.md says."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from billing.event import BillableEvent, Reason, Void
from billing.known_id import DAY_MS, known_as, target_of
from billing.runtime.topic_reader import Record
from qb.audit.judge import Judge
from qb.audit.verdicts import Verdict
from qb.known_ids import KnownIds

# What a record is by itself, or why it is none, with its offset.
Judged = tuple[int, BillableEvent | Void | Reason]


@dataclass(frozen=True, slots=True)
class Decision:
    """What must become of a record.

    Args:
        reason: why it is not accepted; None: it is.
        added: the event that it adds.
        taken: the event that it takes back.
    """

    reason: Reason | None = None
    added: BillableEvent | None = None
    taken: BillableEvent | None = None

    @property
    def changes(self) -> Iterator[tuple[BillableEvent, int]]:
        """The events that it adds and takes back, with 1 and -1."""
        if self.added is not None:
            yield self.added, 1
        if self.taken is not None:
            yield self.taken, -1


class PartitionDecider:
    """Decides the records of one input partition, in the order of their offsets.

    Args:
        database: for the ids.
        partition: the input partition.
        window_days: the setting `dedup_window_days`.
    """

    def __init__(self, database: Connection, partition: int, window_days: int) -> None:
        self.watermark_ms = -1
        self.naming = 0
        """How many records have an id, or name one that they take back."""
        self._window_days = window_days
        self._known = KnownIds(database, partition)

    def decide(self, judged: Sequence[Judged]) -> list[Decision]:
        """Return what must become of the next records; one that is none by itself stays that."""
        names = self._names(judged)
        self._known.load(names)
        decisions = [
            Decision(record) if isinstance(record, Reason) else self._decide(offset, record)
            for offset, record in judged
        ]
        if names:
            self._known.save(self._first_day)
        return decisions

    def _names(self, judged: Sequence[Judged]) -> list[tuple[str, str]]:
        names = []
        for _, record in judged:
            if not isinstance(record, Reason) and (found := [id_ for id_ in (record.id, target_of(record)) if id_]):
                self.naming += 1
                names += [(record.customer, id_) for id_ in found]
        return names if self._window_days else []

    def _decide(self, offset: int, record: BillableEvent | Void) -> Decision:
        decision = self._judge(record) if self._window_days else _judge_without_ids(record)
        if decision.reason is None:
            self._keep(offset, record, decision)
        return decision

    def _judge(self, record: BillableEvent | Void) -> Decision:
        if record.id:
            first = self._known.find(record.customer, record.id, self._first_day)
            if first is not None:
                return Decision(Reason.DUPLICATE if first.says(record) else Reason.ID_CONFLICT)
            if isinstance(record, BillableEvent) and record.timestamp_ms < self._window_start_ms:
                return Decision(Reason.TOO_OLD)
        added = record if isinstance(record, BillableEvent) else None
        target = target_of(record)
        if not target:
            return Decision(added=added)
        known = self._known.find(record.customer, target, self._first_day)
        if known is None or known.timestamp_ms is None:
            return Decision(Reason.UNKNOWN_ID)
        if known.taken_by >= 0:
            return Decision(Reason.ALREADY_VOIDED)
        taken = BillableEvent(
            known.timestamp_ms, record.customer, known.amount_micros, known.type, target, known.target
        )
        return Decision(added=added, taken=taken)

    def _keep(self, offset: int, record: BillableEvent | Void, decision: Decision) -> None:
        day = -1
        if (taken := decision.taken) is not None:
            known = self._known.find(taken.customer, taken.id, self._first_day)
            assert known is not None
            self._known.put(taken.customer, taken.id, known.taken_back(offset))
            day = known.day
        if isinstance(record, BillableEvent):
            self.watermark_ms = max(self.watermark_ms, record.timestamp_ms)
        if record.id and self._window_days:
            self._known.put(record.customer, record.id, known_as(offset, record, day))

    @property
    def _window_start_ms(self) -> int:
        return self.watermark_ms - self._window_days * DAY_MS

    @property
    def _first_day(self) -> int:
        """The first day that does not end at or before the window's start."""
        return self._window_start_ms // DAY_MS


def _judge_without_ids(record: BillableEvent | Void) -> Decision:
    if isinstance(record, Void) or record.replaces:
        return Decision(Reason.UNKNOWN_ID)
    return Decision(added=record)


class Decider:
    """Decides the records of all input partitions, those of each in the order of their offsets.

    Args:
        judge: says what a record is by itself.
        database: for the ids.
        window_days: the setting `dedup_window_days`.
    """

    def __init__(self, judge: Judge, database: Connection, window_days: int) -> None:
        self._judge, self._database, self._window_days = judge, database, window_days
        self._partitions: dict[int, PartitionDecider] = {}

    def decide(self, partition: int, records: Iterable[tuple[Record, Verdict | None]]) -> list[Decision]:
        """Return what must become of the next records of an input partition, each with the verdict that there is."""
        judged = [(record.offset, self._judge.decide(record, verdict)) for record, verdict in records]
        if partition not in self._partitions:
            self._partitions[partition] = PartitionDecider(self._database, partition, self._window_days)
        return self._partitions[partition].decide(judged)

    def naming(self, partition: int) -> int:
        """Return how many records of an input partition have an id or take one back; all ids count."""
        decider = self._partitions.get(partition)
        return decider.naming if decider and self._window_days else 0
