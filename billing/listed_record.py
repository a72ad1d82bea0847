"""An input record as it is listed, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from billing.event import BillableEvent, EventRejectedError, EventRules, Reason, Void, decode_record
from billing.named_customer import Guess, guess_event, may_name
from billing.period import MonthCalendar


class Fate(StrEnum):
    """What became of a record that is listed."""

    COUNTED = "counted"
    """It is in the sums."""

    VOIDED = "voided"
    """It was counted, and a void took it back, which is listed where it came."""

    REPLACED = "replaced"
    """It was counted, and a replacement took it back, which is listed where it came."""

    TAKES_BACK = "takes_back"
    """It takes an event back: of its month and type the sums are less by the amount, and by one event."""

    DUPLICATE = "duplicate"
    """It repeats an id with the same content, and is in no sum."""

    REJECTED = "rejected"
    """It is in the topic of rejected records and in no sum."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A record of the input that names the customer.

    Args:
        partition: the input partition.
        offset: its offset there.
        month: the billing period of what it adds or takes back; empty if that cannot be told.
        timestamp_ms: event time in milliseconds of what it adds or takes back; None if that cannot be told.
        amount_micros: what it adds, or takes back with the sign turned; None if it is in no sum.
        type: the type of what it adds or takes back; empty if that cannot be told.
        id: the sender's reference, empty if there is none.
        fate: what became of it.
        reason: why it was rejected; or `void` or `replace`, the way in which it takes an event back.
        detail: the same for the person who mends it.
        taken_offset: the offset of the event that it takes back; -1 if it takes none back.
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
    taken_offset: int = -1

    @property
    def events(self) -> int:
        """How many events it adds to the sums: -1 if it takes one back."""
        if self.amount_micros is None:
            return 0
        return -1 if self.fate is Fate.TAKES_BACK else 1


@dataclass(frozen=True, slots=True)
class Sent:
    """A customer's record that is right by itself: what it holds, and how it is listed if it is counted.

    Of a void only the place is known before what it takes back is.
    """

    record: BillableEvent | Void
    listed: Listed


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

    def read(
        self, partition: int, offset: int, value: bytes | None, now_ms: int, rejected_as: str = ""
    ) -> Sent | Listed | None:
        """Return what a record sends, or how it is listed if it was rejected; None if it does not name the customer.

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
            record = decode_record(value, self._rules, now_ms)
        except EventRejectedError as error:
            return self._rejected(partition, offset, guess_event(value), error)
        if record.customer != self._customer:
            return None
        listed = self.added(partition, offset, record)
        return left_out(listed, rejected_as) if rejected_as else Sent(record, listed)

    def added(self, partition: int, offset: int, record: BillableEvent | Void) -> Listed:
        """Return how an event is listed that is counted, or the place of a void."""
        if isinstance(record, Void):
            return Listed(partition, offset, "", None, None, "", record.id, Fate.TAKES_BACK)
        month = self._calendar.month_of(record.timestamp_ms)
        return Listed(partition, offset, month, record.timestamp_ms, record.amount_micros, record.type, record.id)

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


def left_out(one: Listed, reason: str, detail: str = "") -> Listed:
    """Return how a record is listed that is in no sum, though it would be by itself."""
    fate = Fate.DUPLICATE if reason == Reason.DUPLICATE else Fate.REJECTED
    why = detail or _WHY.get(reason, "today's settings would accept it")
    return Listed(one.partition, one.offset, one.month, one.timestamp_ms, None, one.type, one.id, fate, reason, why)


_WHY: dict[str, str] = {
    Reason.FUTURE_TIMESTAMP: "its event time lay too far in the future when it came",
    Reason.DUPLICATE: "its id was counted before, with the same content",
    Reason.ID_CONFLICT: "its id was counted before, with other content",
    Reason.TOO_OLD: "its event time lay before the window in which ids are known when it came",
    Reason.UNKNOWN_ID: "the id that it takes back was not known when it came",
    Reason.ALREADY_VOIDED: "the event that it takes back was taken back before",
}
