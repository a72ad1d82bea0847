"""The recount: takes the input record by record, and sums up what is to be billed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.event import BillableEvent, Reason
from billing.period import MonthCalendar
from billing.runtime.topic_reader import Record
from qb.audit.comparison import Comparison
from qb.audit.once import Decider, Decision
from qb.audit.scratch import AmountTable
from qb.audit.verdicts import Verdict, VerdictCursor, VerdictTable

_FLUSH_KEYS = 50_000

# (kind, input partition, period, customer, type): period is a month, or the start of an hour in milliseconds.
SumKey = tuple[str, int, str, str, str]
CUSTOMER, HOUR = "customer", "hour"


@dataclass
class PartitionTally:
    """What was counted in one input partition.

    Args:
        accepted: events, voids and replacements that count.
        accepted_micros: what they add up to, less what was taken back.
        rejected: records to be rejected, by reason.
        watermark_ms: the highest event time to be billed, in milliseconds; -1 without any.
        voids: how many of the accepted are voids.
        replaces: how many of them are events that replace another.
        duplicates: records that repeat an id with the same content.
    """

    accepted: int = 0
    accepted_micros: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    watermark_ms: int = -1
    voids: int = 0
    replaces: int = 0
    duplicates: int = 0

    def add(self, decision: Decision) -> None:
        """Count a record by what must become of it."""
        if decision.reason is Reason.DUPLICATE:
            self.duplicates += 1
        elif decision.reason is not None:
            self.rejected[decision.reason.value] += 1
        else:
            self._accept(decision)

    def _accept(self, decision: Decision) -> None:
        self.accepted += 1
        self.accepted_micros += sum(sign * event.amount_micros for event, sign in decision.changes)
        if decision.added is None:
            self.voids += 1
            return
        self.watermark_ms = max(self.watermark_ms, decision.added.timestamp_ms)
        self.replaces += decision.taken is not None


def keys_of(event: BillableEvent, partition: int, calendar: MonthCalendar) -> tuple[SumKey, SumKey]:
    """Return what an event is counted under: its customer and month, and its hour."""
    hour_ms = hour_start_ms(event.timestamp_ms, calendar.zone)
    return (
        (CUSTOMER, partition, calendar.month_of(event.timestamp_ms), event.customer, event.type),
        (HOUR, partition, str(hour_ms), "", event.type),
    )


def hour_start_ms(timestamp_ms: int, zone: ZoneInfo) -> int:
    """Return the start of the hour of a zone that holds an instant, by the standard library's clocks alone.

    An hour begins where they show a full hour, and where they are changed.
    """
    second = timestamp_ms // 1_000
    shown = datetime.fromtimestamp(second, zone)
    start = second - shown.minute * 60 - shown.second
    if datetime.fromtimestamp(start, zone).utcoffset() != shown.utcoffset():
        start = next(at for at in range(start, second + 1) if _same_offset(at, shown))
    return start * 1_000


def _same_offset(second: int, shown: datetime) -> bool:
    return datetime.fromtimestamp(second, shown.tzinfo).utcoffset() == shown.utcoffset()


class Recount:
    """Counts input records, each once and in the order of their offsets.

    Args:
        decider: decides what becomes of them.
        calendar: the billing periods.
        verdicts: the rejected records.
        sums: where the amounts are added, on the side `counted`.
        comparison: compares what must become of them with what became.
        on_change: told of each event that is added (1) or taken back (-1), with partition and offset.
    """

    def __init__(
        self,
        decider: Decider,
        calendar: MonthCalendar,
        verdicts: VerdictTable,
        sums: AmountTable,
        comparison: Comparison,
        on_change: Callable[[int, int, BillableEvent, int], None] = lambda *_: None,
    ) -> None:
        self.tallies: dict[int, PartitionTally] = {}
        self._decider, self._calendar, self._verdicts = decider, calendar, verdicts
        self._sums, self._comparison, self._on_change = sums, comparison, on_change
        self._cursors: dict[int, VerdictCursor] = {}
        self._pending: dict[SumKey, list[int]] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Count the next records."""
        for partition, some in by_partition(records).items():
            self._add(partition, some)

    def finish(self, cut: dict[int, int]) -> None:
        """End the recount: report the rejected records that no input record belongs to.

        Args:
            cut: input partition -> offset up to which, exclusive, records were added.
        """
        self._flush()
        for partition, next_offset in cut.items():
            self._comparison.report_strays(self._cursor(partition).before(next_offset))
        for partition in self._verdicts.partitions():
            if partition not in cut:
                self._comparison.report_strays(self._verdicts.of(partition))

    def _add(self, partition: int, records: Sequence[Record]) -> None:
        tally = self.tallies.setdefault(partition, PartitionTally())
        verdicts = [self._verdicts_at(partition, record.offset) for record in records]
        firsts = [next(iter(some), None) for some in verdicts]
        decisions = self._decider.decide(partition, zip(records, firsts, strict=True))
        for record, some, decision in zip(records, verdicts, decisions, strict=True):
            decided = self._comparison.compare(record, some, decision)
            tally.add(decided)
            self._sum_up(partition, record.offset, decided)
        if len(self._pending) >= _FLUSH_KEYS:
            self._flush()

    def _verdicts_at(self, partition: int, offset: int) -> list[Verdict]:
        cursor = self._cursor(partition)
        self._comparison.report_strays(cursor.before(offset))
        return cursor.at(offset)

    def _sum_up(self, partition: int, offset: int, decision: Decision) -> None:
        for event, sign in decision.changes:
            for key in keys_of(event, partition, self._calendar):
                amount = self._pending.setdefault(key, [0, 0])
                amount[0] += sign * event.amount_micros
                amount[1] += sign
            self._on_change(partition, offset, event, sign)

    def _cursor(self, partition: int) -> VerdictCursor:
        if partition not in self._cursors:
            self._cursors[partition] = VerdictCursor(self._verdicts.of(partition))
        return self._cursors[partition]

    def _flush(self) -> None:
        self._sums.add("counted", ((key, micros, count) for key, (micros, count) in self._pending.items()))
        self._pending = {}


def by_partition(records: Iterable[Record]) -> dict[int, list[Record]]:
    """Return records by input partition, each in the order they had."""
    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault(record.partition, []).append(record)
    return found


class Reconciler:
    """Follows the sums that differ at the cut along the records after it, until each has been right once.

    Args:
        wanted: key -> (what the subtotal says, what the recount says), both as (micros, count).
        calendar: the billing periods.
    """

    def __init__(self, wanted: dict[SumKey, tuple[tuple[int, int], tuple[int, int]]], calendar: MonthCalendar) -> None:
        self._found = {key: found for key, (found, _) in wanted.items()}
        self._counted = {key: list(counted) for key, (_, counted) in wanted.items()}
        self._calendar = calendar

    def add(self, partition: int, decision: Decision) -> None:
        """Count one record after the cut, by what must become of it."""
        changed: set[SumKey] = set()
        for event, sign in decision.changes:
            for key in keys_of(event, partition, self._calendar):
                if (counted := self._counted.get(key)) is not None:
                    counted[0] += sign * event.amount_micros
                    counted[1] += sign
                    changed.add(key)
        for key in changed:
            if tuple(self._counted[key]) == self._found[key]:
                del self._found[key], self._counted[key]

    def unexplained(self) -> Iterator[SumKey]:
        """Yield the keys that were never right."""
        yield from self._found
