"""Issues adjustments on the input topic, some customers in one transaction, each customer's in one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from billing.client_names import REPLAY
from billing.errors import OperatorError
from billing.period import MonthCalendar, month_calendar
from billing.runtime.ledger_writer import BY_KEY, LedgerWriter, WriteSteps, ignore_write_step
from billing.runtime.logs import get_logger
from billing.runtime.signals import StopFlag
from billing.settings import Settings
from processor.kernel.ids import DAY_MS
from qb.explain.reading_display import StoppedError
from qb.replay.adjustment import Adjustment, encode_adjustment
from qb.replay.difference import Differences

logger = get_logger(__name__)

KeyValue = tuple[bytes, bytes]


def input_writer(settings: Settings, stop: StopFlag, steps: WriteSteps = ignore_write_step) -> LedgerWriter:
    """Return who writes adjustments: of all replays of a deployment one at a time."""
    return LedgerWriter(settings, settings.input_topic, REPLAY, steps, stop, BY_KEY)


def check_is_over(month: str, calendars: Sequence[MonthCalendar], now_ms: int) -> None:
    """Refuse to correct a month that is not over: what is missing of it may still come.

    Raises:
        OperatorError: it is not over by one of the calendars.
    """
    if any(calendar.bounds_ms(month)[1] > now_ms for calendar in calendars):
        raise OperatorError(f"{month} is not over: run it without --apply, or apply it when it is")


@dataclass(frozen=True)
class EventTimes:
    """When adjustments happen: as late in their month as events have come.

    Args:
        calendar: the months by which the processors count.
        watermark_ms: the highest event time that they accepted.
        oldest_id_ms: the earliest event time that no partition takes for too old for an id; None if none are kept.
    """

    calendar: MonthCalendar
    watermark_ms: int
    oldest_id_ms: int | None

    def of(self, month: str) -> int:
        """Return the event time of a month's adjustments, in milliseconds."""
        start_ms, end_ms = self.calendar.bounds_ms(month)
        return min(end_ms - 1, max(start_ms, self.watermark_ms))

    def encode(self, adjustment: Adjustment) -> KeyValue:
        """Return key and value of an adjustment's event. It has no id where that would have it rejected."""
        timestamp_ms = self.of(adjustment.place.month)
        with_id = self.oldest_id_ms is not None and timestamp_ms >= self.oldest_id_ms
        return encode_adjustment(adjustment, timestamp_ms, with_id)


def event_times(settings: Settings, live_zone: str, watermark_ms: int, now_ms: int) -> EventTimes:
    """Return when adjustments happen.

    Args:
        settings: how long ids are kept, and how far in the future events may lie.
        live_zone: the zone by which the processors count.
        watermark_ms: the highest event time that they accepted.
        now_ms: the time against which they measure future event times.
    """
    highest_ms = max(watermark_ms, now_ms) + settings.event_rules.max_future_ms
    days = settings.dedup_window_days
    return EventTimes(month_calendar(live_zone), watermark_ms, highest_ms - days * DAY_MS if days else None)


def chunks(differences: Differences, times: EventTimes, most: int) -> Iterator[list[KeyValue]]:
    """Yield what is to be issued in pieces of `most` records or somewhat more: those of a customer stay together."""
    chunk: list[KeyValue] = []
    for customer in differences.customers:
        chunk += [times.encode(one) for one in differences.adjustments_of(customer)]
        if len(chunk) >= max(most, 1):
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def issue(writer: LedgerWriter, pieces: Iterator[list[KeyValue]], stop: StopFlag, note: Callable[[int], object]) -> int:
    """Issue adjustments, each piece in one transaction; return how many.

    Args:
        writer: has taken the topic over before the input was read.
        pieces: what is issued.
        stop: asked between two transactions.
        note: told how many are issued so far.

    Raises:
        LedgerLostError: another replay took over, or it is not known whether a transaction was committed.
        StoppedError: somebody asked to stop.
    """
    issued = 0
    for piece in pieces:
        if stop.requested:
            raise StoppedError(f"stopped after {issued:,} adjustments: run it again for the rest, each counts once")
        writer.commit(piece)
        issued += len(piece)
        note(issued)
    return issued
