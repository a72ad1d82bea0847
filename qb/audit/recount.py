"""The recount: reads the input record by record, judges each, and sums up what is to be billed."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.event import BillableEvent, EventRejectedError, EventRules, Reason, decode_event
from billing.period import MonthCalendar
from billing.rejected_record import carry
from billing.runtime.topic_reader import Record
from qb.audit.findings import Check, Findings
from qb.audit.scratch import AmountTable
from qb.audit.verdicts import Verdict, VerdictCursor, VerdictTable, digest_of

# How long before the rejected record was written its verdict may have been given.
VERDICT_AGE_MS = 60_000

_FLUSH_KEYS = 50_000

# (kind, input partition, period, customer, type): period is a month, or the start of an hour in milliseconds.
SumKey = tuple[str, int, str, str, str]
CUSTOMER, HOUR = "customer", "hour"


@dataclass(frozen=True)
class Judge:
    """Says what must become of an input record.

    Args:
        rules: what an event must keep to.
        now_ms: the clock now, in milliseconds.
        clock_at: what the clock showed at a wall clock time, both in milliseconds.
        clock_since_ms: wall clock since when that is so. A simulation that goes on after a pause has begun with
            another clock, which is not known any more, except that it never was ahead of this one's beginning.
    """

    rules: EventRules
    now_ms: int
    clock_at: Callable[[int], int]
    clock_since_ms: int = 0

    def decide(self, record: Record, verdict: Verdict | None) -> BillableEvent | Reason:
        """Return the event to bill, or the reason to reject; a verdict on it tells by which clock to judge."""
        try:
            return decode_event(record.value, self.rules, self._clock_of(verdict))
        except EventRejectedError as error:
            return error.reason

    def _clock_of(self, verdict: Verdict | None) -> int:
        if verdict is None or verdict.written_ms <= 0:
            return self.now_ms
        if verdict.reason == Reason.FUTURE_TIMESTAMP:
            return self.clock_at(verdict.written_ms - VERDICT_AGE_MS)
        return self.clock_at(max(verdict.written_ms, self.clock_since_ms))


@dataclass
class PartitionTally:
    """What was counted in one input partition.

    Args:
        accepted: events to be billed.
        accepted_micros: their sum.
        rejected: records to be rejected, by reason.
        watermark_ms: the highest event time to be billed, in milliseconds; -1 without any.
    """

    accepted: int = 0
    accepted_micros: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    watermark_ms: int = -1


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
        judge: decides what becomes of them.
        calendar: the billing periods.
        verdicts: the rejected records.
        sums: where the amounts are added, on the side `counted`.
        findings: where records are reported that were rejected and should not have been, or the other way round.
        on_event: told of each event to bill, with partition and offset.
    """

    def __init__(
        self,
        judge: Judge,
        calendar: MonthCalendar,
        verdicts: VerdictTable,
        sums: AmountTable,
        findings: Findings,
        on_event: Callable[[int, int, BillableEvent], None] = lambda *_: None,
    ) -> None:
        self.tallies: dict[int, PartitionTally] = {}
        self._judge, self._calendar, self._verdicts = judge, calendar, verdicts
        self._sums, self._findings, self._on_event = sums, findings, on_event
        self._cursors: dict[int, VerdictCursor] = {}
        self._pending: dict[SumKey, list[int]] = {}

    def add(self, record: Record) -> None:
        """Count one record."""
        partition, offset = record.partition, record.offset
        tally = self.tallies.setdefault(partition, PartitionTally())
        cursor = self._cursor(partition)
        self._report_strays(cursor.before(offset))
        verdicts = cursor.at(offset)
        decision = self._judge.decide(record, verdicts[0] if verdicts else None)
        self._compare(record, verdicts, decision)
        if isinstance(decision, Reason):
            tally.rejected[decision.value] += 1
            return
        tally.accepted += 1
        tally.accepted_micros += decision.amount_micros
        tally.watermark_ms = max(tally.watermark_ms, decision.timestamp_ms)
        for key in keys_of(decision, partition, self._calendar):
            amount = self._pending.setdefault(key, [0, 0])
            amount[0] += decision.amount_micros
            amount[1] += 1
        self._on_event(partition, offset, decision)
        if len(self._pending) >= _FLUSH_KEYS:
            self._flush()

    def finish(self, cut: dict[int, int]) -> None:
        """End the recount: report the rejected records that no input record belongs to.

        Args:
            cut: input partition -> offset up to which, exclusive, records were added.
        """
        self._flush()
        for partition, next_offset in cut.items():
            self._report_strays(self._cursor(partition).before(next_offset))
        for partition in self._verdicts.partitions():
            if partition not in cut:
                self._report_strays(list(self._verdicts.of(partition)))

    def _cursor(self, partition: int) -> VerdictCursor:
        if partition not in self._cursors:
            self._cursors[partition] = VerdictCursor(self._verdicts.of(partition))
        return self._cursors[partition]

    def _flush(self) -> None:
        self._sums.add("counted", ((key, micros, count) for key, (micros, count) in self._pending.items()))
        self._pending = {}

    def _compare(self, record: Record, verdicts: list[Verdict], decision: BillableEvent | Reason) -> None:
        subject = f"input {record.partition}@{record.offset}"
        expected = f"rejected as {decision}" if isinstance(decision, Reason) else "billed"
        if not verdicts:
            if isinstance(decision, Reason):
                self._findings.add(Check.REJECTED, subject, expected, "not rejected")
            return
        found = f"rejected as {verdicts[0].reason}"
        if expected != found:
            self._findings.add(Check.REJECTED, subject, expected, f"{found} at {verdicts[0].place}")
        if len(verdicts) > 1:
            places = ", ".join(verdict.place for verdict in verdicts[:5])
            self._findings.add(Check.REJECTED, subject, "rejected once", f"rejected {len(verdicts)} times: {places}")
        if verdicts[0].digest != _digest_of_carried(record):
            self._findings.add(
                Check.REJECTED, subject, "key, value and headers unchanged", f"others at {verdicts[0].place}"
            )

    def _report_strays(self, strays: list[Verdict]) -> None:
        for verdict in strays:
            subject = f"rejected {verdict.place}"
            self._findings.add(
                Check.REJECTED, subject, "an input record", f"none at {verdict.partition}@{verdict.offset}"
            )


def _digest_of_carried(record: Record) -> bytes:
    carried = carry(record.key, record.value, record.headers)
    return digest_of(carried.key, carried.value, carried.headers)


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

    def add(self, partition: int, event: BillableEvent) -> None:
        """Count one event after the cut."""
        for key in keys_of(event, partition, self._calendar):
            counted = self._counted.get(key)
            if counted is None:
                continue
            counted[0] += event.amount_micros
            counted[1] += 1
            if tuple(counted) == self._found[key]:
                del self._found[key], self._counted[key]

    def unexplained(self) -> Iterator[SumKey]:
        """Yield the keys that were never right."""
        yield from self._found
