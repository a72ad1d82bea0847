"""Folds records of one input partition into sums: first they are read, in bulk where possible, then they are summed.

Pure: the time and the rules are arguments, and the same records give the same result however they are cut into
batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from billing.event import BillableEvent, EventRejectedError, EventRules, Reason, decode_event
from billing.period import MonthCalendar
from billing.sums import NO_SUMS, Sums
from processor.event_table import EventTable
from processor.fast_path import read_plain_csv


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that cannot be billed: its position in the batch, and why."""

    index: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class FoldRules:
    """What a fold keeps to.

    Args:
        events: what an event must keep to.
        calendar: the billing periods.
        out_of_orderness_ms: how far behind the watermark an event still counts as in time.
    """

    events: EventRules
    calendar: MonthCalendar
    out_of_orderness_ms: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a batch of records says.

    Args:
        events: the events to be billed, in offset order, as rows of the table.
        rejections: the records that cannot be billed, in offset order.
    """

    events: pl.DataFrame
    rejections: list[Rejection]


@dataclass
class Fold:
    """What a batch adds to a partition. Sums are packed in the order of the rules' types.

    Args:
        watermark_ms: the highest event time, this batch and before; -1 without any.
        customers: sums by (month, customer).
        hours: sums by the start of the hour of the zone, in milliseconds.
        accepted: sums of all events billed.
        late: how many came further behind the watermark than `out_of_orderness_ms`.
        rejected: why records cannot be billed, in offset order.
    """

    watermark_ms: int
    customers: dict[tuple[str, str], Sums] = field(default_factory=dict)
    hours: dict[int, Sums] = field(default_factory=dict)
    accepted: Sums = NO_SUMS
    late: int = 0
    rejected: list[Reason] = field(default_factory=list)


def read_records(payloads: Sequence[bytes | None], table: EventTable, rules: EventRules, now_ms: int) -> Reading:
    """Return what the records say.

    Args:
        payloads: the records' values, in offset order.
        table: which the events are for.
        rules: what an event must keep to.
        now_ms: the time against which future event times are measured.
    """
    plain = read_plain_csv(payloads, table, rules, now_ms + rules.max_future_ms)
    positions, events, rejections = _read_exactly(payloads, plain.rest, rules, now_ms)
    rows = plain.events
    if events:
        exact = table.rows(events).select(pl.Series("index", positions, dtype=rows.schema["index"]), pl.all())
        rows = pl.concat([rows, exact]).sort("index")
    return Reading(rows.drop("index"), rejections)


def _read_exactly(
    payloads: Sequence[bytes | None], positions: Sequence[int], rules: EventRules, now_ms: int
) -> tuple[list[int], list[BillableEvent], list[Rejection]]:
    """Read records one by one; return the events with their positions, and what cannot be billed."""
    accepted, events, rejections = [], [], []
    for index in positions:
        try:
            events.append(decode_event(payloads[index], rules, now_ms))
        except EventRejectedError as error:
            rejections.append(Rejection(index, error.reason, error.detail))
        else:
            accepted.append(index)
    return accepted, events, rejections


def sum_events(events: Sequence[pl.DataFrame], table: EventTable, rules: FoldRules, watermark_ms: int) -> Fold:
    """Return what the events of read records add.

    Args:
        events: the events of one or more readings, in offset order.
        table: which the events are for.
        rules: what the fold keeps to.
        watermark_ms: the highest event time of the partition before them; -1 without any.
    """
    rows = pl.concat(events) if events else table.rows([])
    sums = table.sum(rows, rules.calendar)
    late, watermark_ms = _track_time(rows["ms"], watermark_ms, rules.out_of_orderness_ms)
    return Fold(watermark_ms, sums.customers, sums.hours, sums.all, late)


def fold(payloads: Sequence[bytes | None], rules: FoldRules, now_ms: int, watermark_ms: int) -> Fold:
    """Return what the records add: :func:`read_records` and :func:`sum_events` in one."""
    table = EventTable(rules.events)
    reading = read_records(payloads, table, rules.events, now_ms)
    reasons = [rejection.reason for rejection in reading.rejections]
    return replace(sum_events([reading.events], table, rules, watermark_ms), rejected=reasons)


def _track_time(milliseconds: pl.Series, watermark_ms: int, out_of_orderness_ms: int) -> tuple[int, int]:
    """Count late events against the watermark as it stood before each; return them and the watermark after all."""
    highest = milliseconds.max()
    if highest is None:
        return 0, watermark_ms
    assert isinstance(highest, int)
    before = milliseconds.cum_max().shift(1).fill_null(watermark_ms).clip(lower_bound=watermark_ms)
    late = int((milliseconds < before - out_of_orderness_ms).sum())
    return late, max(watermark_ms, highest)
