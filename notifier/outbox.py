"""What is to be sent: notifications in their order, one at a time for each customer. Time is an argument."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace

from billing.notification import Delivery, DeliveryState, Notification
from billing.notification_ledger import LedgerRecord
from notifier.retrying import Outcome, RetryRule


@dataclass(frozen=True, slots=True)
class Pending:
    """A notification that the receiver has not taken yet.

    Args:
        notification: what it says.
        id: its own, the same at each try.
        tries: how many have failed.
        first_try_ms: wall clock of the first one, in milliseconds; 0 before it.
        not_before_ms: wall clock before which it is not tried.
    """

    notification: Notification
    id: str
    tries: int = 0
    first_try_ms: int = 0
    not_before_ms: int = 0

    @property
    def customer(self) -> str:
        """Whose notifications it is in a row with; those of all together are a row too."""
        return self.notification.threshold.customer


class Outbox:
    """Holds what is not delivered, fed from the ledger record by record, in their order.

    A customer's notifications are sent in their order: the next one once the one before is delivered or given up.

    Args:
        ledger: the ledger's name, which ids are made from.
        rule: when to try again.
        jitter: drawn for each pause, at least 0 and below 1.
    """

    def __init__(self, ledger: str, rule: RetryRule, jitter: Callable[[], float]) -> None:
        self._ledger, self._rule, self._jitter = ledger, rule, jitter
        # Customer -> id -> what is to be sent, in its order.
        self._rows: dict[str, dict[str, Pending]] = {}
        self._customers: dict[str, str] = {}
        # (not before, a number that keeps the order, customer): each customer that waits and is not being sent to.
        self._turns: list[tuple[int, int, str]] = []
        self._turn_number = 0
        self._taken: set[str] = set()
        self._given_up: dict[str, Notification] = {}
        self._quiet_until_ms = 0

    @property
    def waiting(self) -> int:
        """How many notifications are neither delivered nor given up."""
        return len(self._customers)

    @property
    def given_up(self) -> int:
        """How many notifications are given up."""
        return len(self._given_up)

    def has_given_up(self, id_: str) -> bool:
        """Say whether a notification is given up."""
        return id_ in self._given_up

    @property
    def quiet_until_ms(self) -> int:
        """Wall clock until which the receiver asked to be left alone; in the past if it did not."""
        return self._quiet_until_ms

    def oldest_decided_ms(self) -> int | None:
        """Return when the oldest notification that waits was decided, None if none waits."""
        heads = (next(iter(row.values())).notification.decided_ms for row in self._rows.values())
        return min(heads, default=None)

    def read(self, record: LedgerRecord) -> None:
        """Take a record of the ledger in."""
        match record:
            case Notification():
                pending = Pending(record, record.id(self._ledger))
                self._add(pending)
            case Delivery(state=DeliveryState.TRYING):
                self._note_tries(record)
            case Delivery(state=DeliveryState.DELIVERED):
                self._given_up.pop(record.id, None)
                self._remove(record.id)
            case Delivery(state=DeliveryState.GIVEN_UP):
                self._give_up(record.id)

    def try_given_up_again(self) -> int:
        """Put what was given up before what waits of the same customer. Returns how many it was."""
        again = list(self._given_up.items())
        self._given_up = {}
        for id_, notification in reversed(again):
            customer = notification.threshold.customer
            self._customers[id_] = customer
            self._rows[customer] = {id_: Pending(notification, id_), **self._rows.get(customer, {})}
            self._line_up(customer, 0)
        return len(again)

    def take(self, now_ms: int) -> Pending | None:
        """Return what is to be sent now, None if nothing is. It has to be settled and released."""
        while self._turns and self._turns[0][0] <= now_ms and self._quiet_until_ms <= now_ms:
            _, _, customer = heapq.heappop(self._turns)
            row = self._rows.get(customer)
            if not row or customer in self._taken:
                continue
            first = next(iter(row.values()))
            if first.not_before_ms > now_ms:
                self._line_up(customer, first.not_before_ms)
                continue
            self._taken.add(customer)
            return first
        return None

    def settle(self, taken: Pending, outcome: Outcome, now_ms: int) -> Delivery:
        """Note what came of a try, and return the record to write of it. Then :meth:`release` it.

        Its customer's next one waits for that: sent before the record is there, it would come before this one is sent
        again by whoever goes on without knowing.
        """
        self._quiet_until_ms = max(self._quiet_until_ms, now_ms + int(self._rule.asked_pause_seconds(outcome) * 1_000))
        first_ms, tries = taken.first_try_ms or now_ms, taken.tries + 1
        if outcome.failure is None:
            self._remove(taken.id)
            state = DeliveryState.DELIVERED
        elif self._rule.is_last(outcome, first_ms, now_ms):
            self._give_up(taken.id)
            state = DeliveryState.GIVEN_UP
        else:
            state = DeliveryState.TRYING
            self._put_off(taken.id, tries, first_ms, now_ms)
        return Delivery(taken.id, state, tries, first_ms, now_ms, outcome.reason)

    def release(self, taken: Pending) -> None:
        """Let the customer's next one be sent: what came of this one is written."""
        self._taken.discard(taken.customer)
        self._line_up_next(taken.customer)

    def _add(self, pending: Pending) -> None:
        if pending.id in self._customers:
            return
        row = self._rows.setdefault(pending.customer, {})
        row[pending.id] = pending
        self._customers[pending.id] = pending.customer
        if len(row) == 1:
            self._line_up(pending.customer, 0)

    def _note_tries(self, record: Delivery) -> None:
        # An earlier try of this program may be read after a later one was made.
        pending = self._pending(record.id)
        if pending is not None and record.tries > pending.tries:
            self._put_off(record.id, record.tries, record.first_try_ms, record.last_try_ms)

    def _put_off(self, id_: str, tries: int, first_ms: int, last_ms: int) -> None:
        pending = self._pending(id_)
        if pending is not None:
            pause_ms = int(self._rule.pause_seconds(tries, self._jitter()) * 1_000)
            self._rows[pending.customer][id_] = replace(
                pending, tries=tries, first_try_ms=first_ms, not_before_ms=last_ms + pause_ms
            )

    def _give_up(self, id_: str) -> None:
        pending = self._remove(id_)
        if pending is not None:
            self._given_up[id_] = pending.notification

    def _pending(self, id_: str) -> Pending | None:
        customer = self._customers.get(id_)
        return None if customer is None else self._rows[customer][id_]

    def _remove(self, id_: str) -> Pending | None:
        customer = self._customers.pop(id_, None)
        if customer is None:
            return None
        row = self._rows[customer]
        pending = row.pop(id_)
        if not row:
            del self._rows[customer]
        return pending

    def _line_up_next(self, customer: str) -> None:
        row = self._rows.get(customer)
        if row:
            self._line_up(customer, next(iter(row.values())).not_before_ms)

    def _line_up(self, customer: str, not_before_ms: int) -> None:
        self._turn_number += 1
        heapq.heappush(self._turns, (not_before_ms, self._turn_number, customer))
