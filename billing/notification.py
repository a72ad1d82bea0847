"""What is told when a budget's use crosses a threshold: the notification, and what became of sending it."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from json import dumps
from typing import Any

from billing.budget import ALL_TOGETHER
from billing.money import format_micros
from billing.period import format_timestamp


class Kind(StrEnum):
    """What a threshold's crossing is."""

    TRIGGERED = "triggered"
    """The use has reached the threshold."""

    RESOLVED = "resolved"
    """The use has fallen below it again, by the hysteresis and more."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold of one budget in one month: what a crossing is of.

    Args:
        budget: the budget's name.
        month: the usage month, ``YYYY-MM``.
        customer: whose use it is; empty: of all together.
        percent: of the limit.
    """

    budget: str
    month: str
    customer: str
    percent: int


@dataclass(frozen=True, slots=True)
class Notification:
    """A crossing of a threshold. It is told once.

    Args:
        threshold: which.
        ordinal: which crossing of this threshold it is, from 1 on; `resolved` has that of its `triggered`.
        kind: whether it was reached or left.
        used: how much was used when it was decided: micros, or events if `is_count`.
        limit: the budget's limit then, the same.
        is_count: whether the limit is a number of events.
        type: the event type that counts; empty: all.
        currency: that of the amounts.
        decided_ms: wall clock when it was decided, in milliseconds.
    """

    threshold: Threshold
    ordinal: int
    kind: Kind
    used: int
    limit: int
    is_count: bool
    type: str
    currency: str
    decided_ms: int

    def id(self, ledger: str) -> str:
        """Return what tells it from all others of a ledger (its topic's name), and is the same at each sending."""
        one = self.threshold
        told = (ledger, one.month, one.budget, one.percent, self.ordinal, self.kind.value, one.customer)
        return "msg_" + sha256(dumps(told).encode()).hexdigest()[:32]

    def body(self, ledger: str) -> bytes:
        """Return the JSON text that is sent, the same at each sending."""
        told = {
            "type": f"budget.{self.kind.value}",
            "timestamp": format_timestamp(self.decided_ms),
            "data": {"id": self.id(ledger), **self._data()},
        }
        # The standard library writes numbers beyond 64 bits too.
        return dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _data(self) -> dict[str, Any]:
        one = self.threshold
        if self.is_count:
            numbers: dict[str, Any] = {"used_count": self.used, "limit_count": self.limit}
        else:
            numbers = {"used": format_micros(self.used), "limit": format_micros(self.limit), "currency": self.currency}
        return {
            "budget": one.budget,
            "month": one.month,
            "customer": None if one.customer == ALL_TOGETHER else one.customer,
            "event_type": self.type or None,
            "threshold_percent": one.percent,
            "crossing": self.ordinal,
            **numbers,
        }


class DeliveryState(StrEnum):
    """What became of a notification that was to be sent."""

    TRYING = "trying"
    """It was tried without success, and is tried again."""

    DELIVERED = "delivered"
    """The receiver has taken it."""

    GIVEN_UP = "given_up"
    """It is not tried any more until somebody asks for that."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far the sending of a notification has come.

    Args:
        id: the notification's.
        state: what became of it.
        tries: how often it was tried.
        first_try_ms: wall clock of the first try, in milliseconds.
        last_try_ms: that of the newest.
        reason: why the newest try failed, in a few words; empty if it did not.
    """

    id: str
    state: DeliveryState
    tries: int
    first_try_ms: int
    last_try_ms: int
    reason: str = ""
