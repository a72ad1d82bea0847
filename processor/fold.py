"""Folds records of one input partition into sums: the fast path in bulk, what it leaves one by one.

Pure: the time and the rules are arguments, and the same records give the same result however they are cut into
batches.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from billing.event import BillableEvent, EventRejectedError, EventRules, Reason, decode_event
from billing.period import MS_PER_HOUR, MonthCalendar, hour_start_ms
from processor.fast_path import END, FastResult, sum_plain_csv

# [total in micros, number of events] by type.
Sums = dict[str, list[int]]


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


@dataclass
class Fold:
    """What a batch adds to a partition.

    Args:
        customers: sums by (month, customer).
        hours: sums by the start of the UTC hour, in milliseconds.
        accepted: number of events billed.
        accepted_micros: their sum.
        watermark_ms: the highest event time, this batch and before; -1 without any.
        late: how many came further behind the watermark than `out_of_orderness_ms`.
        rejections: the records that cannot be billed, in offset order.
    """

    watermark_ms: int
    customers: dict[tuple[str, str], Sums] = field(default_factory=dict)
    hours: dict[int, Sums] = field(default_factory=dict)
    accepted: int = 0
    accepted_micros: int = 0
    late: int = 0
    rejections: list[Rejection] = field(default_factory=list)


def fold(payloads: Sequence[bytes | None], rules: FoldRules, now_ms: int, watermark_ms: int) -> Fold:
    """Return what the records add.

    Args:
        payloads: the records' values, in offset order.
        rules: what the fold keeps to.
        now_ms: the time against which future event times are measured.
        watermark_ms: the highest event time of the partition before this batch; -1 without any.
    """
    result = Fold(watermark_ms)
    fast = sum_plain_csv(payloads, rules.events, rules.calendar, now_ms + rules.events.max_future_ms)
    _add_fast(result, fast, rules)
    times = [fast.times]
    if fast.rest:
        times.append(_fold_exactly(result, payloads, fast.rest, rules, now_ms))
    _track_time(result, times, rules.out_of_orderness_ms)
    return result


def add_sum(sums: Sums, type_: str, micros: int, count: int) -> None:
    """Add a total and a number of events to the sums of a type."""
    entry = sums.get(type_)
    if entry is None:
        sums[type_] = [micros, count]
    else:
        entry[0] += micros
        entry[1] += count


def _add_fast(result: Fold, fast: FastResult, rules: FoldRules) -> None:
    months, customers, hours = rules.calendar.months, result.customers, result.hours
    names: dict[str | None, str] = {None: rules.events.default_type, END: rules.events.default_type}
    for _, _, written, _, _ in fast.by_customer:
        if written not in names:
            assert written is not None
            names[written] = rules.events.type_of(written)
    for month, customer, written, micros, count in fast.by_customer:
        add_sum(customers.setdefault((months[month], customer), {}), names[written], micros, count)
    for hour, written, micros, count in fast.by_hour:
        add_sum(hours.setdefault(hour * MS_PER_HOUR, {}), names[written], micros, count)
        result.accepted += count
        result.accepted_micros += micros


def _fold_exactly(
    result: Fold, payloads: Sequence[bytes | None], rest: Iterable[int], rules: FoldRules, now_ms: int
) -> pl.DataFrame:
    """Fold the records the fast path left; return position and event time of the accepted ones."""
    indexes: list[int] = []
    times: list[int] = []
    for index in rest:
        try:
            event = decode_event(payloads[index], rules.events, now_ms)
        except EventRejectedError as error:
            result.rejections.append(Rejection(index, error.reason, error.detail))
            continue
        _add_event(result, event, rules.calendar)
        indexes.append(index)
        times.append(event.timestamp_ms)
    return pl.DataFrame({"index": indexes, "ms": times}, schema={"index": pl.UInt32, "ms": pl.Int64})


def _add_event(result: Fold, event: BillableEvent, calendar: MonthCalendar) -> None:
    period = (calendar.month_of(event.timestamp_ms), event.customer)
    add_sum(result.customers.setdefault(period, {}), event.type, event.amount_micros, 1)
    add_sum(result.hours.setdefault(hour_start_ms(event.timestamp_ms), {}), event.type, event.amount_micros, 1)
    result.accepted += 1
    result.accepted_micros += event.amount_micros


def _track_time(result: Fold, times: list[pl.DataFrame], out_of_orderness_ms: int) -> None:
    """Count late events against the watermark as it stood before each, and move the watermark on."""
    parts = [part for part in times if not part.is_empty()]
    if not parts:
        return
    milliseconds = (parts[0] if len(parts) == 1 else pl.concat(parts).sort("index"))["ms"]
    highest = milliseconds.max()
    assert isinstance(highest, int)
    if result.watermark_ms >= 0 or len(milliseconds) > 1:
        before = milliseconds.cum_max().shift(1).fill_null(result.watermark_ms).clip(lower_bound=result.watermark_ms)
        result.late = int((milliseconds < before - out_of_orderness_ms).sum())
    result.watermark_ms = max(result.watermark_ms, highest)
