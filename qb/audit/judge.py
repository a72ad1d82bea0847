"""What a record of the input is by itself, by the rules and by the clock at which it was judged before."""

from collections.abc import Callable
from dataclasses import dataclass

from billing.event import BillableEvent, EventRejectedError, EventRules, Reason, Void, decode_record
from billing.runtime.topic_reader import Record
from qb.audit.verdicts import Verdict

# How long before the rejected record was written its verdict may have been given.
VERDICT_AGE_MS = 60_000


@dataclass(frozen=True)
class Judge:
    """Says what must become of an input record by itself, whatever came before it.

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

    def decide(self, record: Record, verdict: Verdict | None) -> BillableEvent | Void | Reason:
        """Return the event or void, or the reason to reject; a verdict on it tells by which clock to judge."""
        try:
            return decode_record(record.value, self.rules, self._clock_of(verdict))
        except EventRejectedError as error:
            return error.reason

    def _clock_of(self, verdict: Verdict | None) -> int:
        if verdict is None or verdict.written_ms <= 0:
            return self.now_ms
        if verdict.reason == Reason.FUTURE_TIMESTAMP:
            return self.clock_at(verdict.written_ms - VERDICT_AGE_MS)
        return self.clock_at(max(verdict.written_ms, self.clock_since_ms))
