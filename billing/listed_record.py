"""An input record as it is listed, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from billing.event import EventRejectedError, EventRules, Reason, decode_event
from billing.named_customer import Guess, guess_event, may_name
from billing.period import MonthCalendar


class Fate(StrEnum):
    """What became of a record that is listed."""

    COUNTED = "counted"
    """It is in the sums."""

    REJECTED = "rejected"
    """It is in the topic of rejected records and in no sum."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A record of the input that names the customer.

    Args:
        partition: the input partition.
        offset: its offset there.
        month: its billing period; empty if that cannot be told.
        timestamp_ms: its event time in milliseconds; None if that cannot be told.
        amount_micros: its amount; None if it was rejected.
        type: its type; empty if that cannot be told.
        id: the sender's reference, empty if there is none.
        fate: what became of it.
        reason: why it was rejected.
        detail: the same for the person who mends it.
    """

    partition: int
    offset: int
    month: str
    timestamp_ms: int | None
    amount_micros: int | None
    type: str
    id: str = ""
    fate: Fate = Fate.COUNTED
    reason: str = ""
    detail: str = ""


class RecordLister:
    """Says how the records of one customer are listed.

    Args:
        rules: what an event must keep to.
        customer: whose they are.
        calendar: the billing periods.
    """

    def __init__(self, rules: EventRules, customer: str, calendar: MonthCalendar) -> None:
        self._rules, self._customer, self._calendar = rules, customer, calendar
        self._name = customer.encode()

    def listed(
        self, partition: int, offset: int, value: bytes | None, now_ms: int, rejected_as: str = ""
    ) -> Listed | None:
        """Return how a record is listed; None if it does not name the customer.

        Args:
            partition: its input partition.
            offset: its offset there.
            value: what it holds.
            now_ms: the time against which future event times are measured.
            rejected_as: why it was rejected, if that is known of it; whatever the rules say today, it then was.
        """
        if not may_name(value, self._name):
            return None
        try:
            event = decode_event(value, self._rules, now_ms)
        except EventRejectedError as error:
            return self._rejected(partition, offset, guess_event(value), error)
        if event.customer != self._customer:
            return None
        month = self._calendar.month_of(event.timestamp_ms)
        if rejected_as:
            return Listed(
                partition, offset, month, event.timestamp_ms, None, event.type, event.id,
                Fate.REJECTED, rejected_as, _why(rejected_as),
            )  # fmt: skip
        return Listed(partition, offset, month, event.timestamp_ms, event.amount_micros, event.type, event.id)

    def _rejected(self, partition: int, offset: int, guess: Guess, error: EventRejectedError) -> Listed | None:
        if guess.customer != self._customer:
            return None
        return Listed(
            partition, offset, self._month(guess.timestamp_ms), guess.timestamp_ms, None, guess.type, "",
            Fate.REJECTED, error.reason.value, error.detail,
        )  # fmt: skip

    def _month(self, timestamp_ms: int | None) -> str:
        if timestamp_ms is None or timestamp_ms < self._calendar.starts_ms[0]:
            return ""
        return self._calendar.month_of(timestamp_ms)


def _why(reason: str) -> str:
    if reason == Reason.FUTURE_TIMESTAMP:
        return "its event time lay too far in the future when it came"
    return "today's settings would accept it"
