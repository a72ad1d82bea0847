"""An input record as it is listed, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from billing.event import BillableEvent, EventRejectedError, Reason
from billing.named_customer import Guess


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


def listed_event(partition: int, offset: int, month: str, event: BillableEvent, rejected_as: str) -> Listed:
    """Return how an event is listed; `rejected_as` is the reason if it was rejected all the same, else empty."""
    return Listed(
        partition,
        offset,
        month,
        event.timestamp_ms,
        None if rejected_as else event.amount_micros,
        event.type,
        event.id,
        Fate.REJECTED if rejected_as else Fate.COUNTED,
        rejected_as,
        "" if not rejected_as else _why(rejected_as),
    )


def listed_rejection(partition: int, offset: int, month: str, guess: Guess, error: EventRejectedError) -> Listed:
    """Return how a record that is no event is listed."""
    return Listed(
        partition,
        offset,
        month,
        guess.timestamp_ms,
        None,
        guess.type,
        fate=Fate.REJECTED,
        reason=error.reason.value,
        detail=error.detail,
    )


def _why(reason: str) -> str:
    if reason == Reason.FUTURE_TIMESTAMP:
        return "its event time lay too far in the future when it came"
    return "today's settings would accept it"
