"""What is sent next: in order for each customer, nothing lost, whatever is read or happens."""

from random import Random

import pytest

from billing.notification import Delivery, DeliveryState, Kind
from billing.notification_ledger import LedgerRecord
from notifier.outbox import Outbox, Pending
from notifier.retrying import Failure, Outcome, RetryRule
from tests.notifier.receiver import LEDGER, notification

RULE = RetryRule(1, 60, 100)
FAILED = Outcome(Failure.STATUS, "HTTP status 500")
DONE = Outcome(None)


def outbox_of(*records: LedgerRecord) -> Outbox:
    """Return an outbox that has read some records."""
    outbox = Outbox(LEDGER, RULE, lambda: 0.0)
    for record in records:
        outbox.read(record)
    return outbox


def take(outbox: Outbox, now_ms: int = 0) -> Pending:
    """Return what is to be sent, which there is."""
    pending = outbox.take(now_ms)
    assert pending is not None
    return pending


def settle(outbox: Outbox, taken: Pending, outcome: Outcome, now_ms: int) -> Delivery:
    """Settle what was sent, as if its record were written at once."""
    delivery = outbox.settle(taken, outcome, now_ms)
    outbox.release(taken)
    return delivery


def test_the_next_one_waits_until_it_is_written() -> None:
    """Whoever goes on after a kill sends again what is not written: nothing later may have been sent before it."""
    outbox = outbox_of(notification("Ada"), notification("Ada", 2))
    first = take(outbox)
    outbox.settle(first, DONE, 0)
    assert outbox.take(0) is None
    outbox.release(first)
    assert take(outbox).notification.ordinal == 2


def test_a_customer_waits_for_its_first_one() -> None:
    """Others do not."""
    first, second = notification("Ada"), notification("Ada", kind=Kind.RESOLVED)
    outbox = outbox_of(first, second, notification("Bob"))
    one, other = take(outbox), take(outbox)
    assert (one.notification, other.customer) == (first, "Bob")
    assert outbox.take(0) is None
    settle(outbox, one, FAILED, 0)
    assert outbox.take(499) is None
    again = take(outbox, 500)
    assert (again.notification, again.tries) == (first, 1)
    settle(outbox, again, DONE, 500)
    assert take(outbox, 500).notification == second


def test_what_is_given_up_makes_way_and_is_kept() -> None:
    """It counts, and comes first when somebody asks for it again."""
    outbox = outbox_of(notification("Ada"), notification("Ada", 2), notification("Ada", 3))
    record = settle(outbox, take(outbox), Outcome(Failure.GONE, "HTTP status 410"), 5)
    assert (record.state, record.tries, record.reason) == (DeliveryState.GIVEN_UP, 1, "HTTP status 410")
    assert (outbox.given_up, outbox.waiting) == (1, 2)
    assert outbox.try_given_up_again() == 1
    order = []
    while (pending := outbox.take(10)) is not None:
        order.append(pending.notification.ordinal)
        settle(outbox, pending, DONE, 10)
    assert order == [1, 2, 3]
    assert (outbox.given_up, outbox.waiting) == (0, 0)


def test_it_goes_on_from_what_was_written() -> None:
    """Delivered is not sent; tried counts its tries and its pause; given up stays given up."""
    ids = {name: notification(name).id(LEDGER) for name in ("Ada", "Bob", "Cleo", "Dora")}
    outbox = outbox_of(
        *(notification(name) for name in ids),
        Delivery(ids["Ada"], DeliveryState.DELIVERED, 1, 10, 10),
        Delivery(ids["Bob"], DeliveryState.TRYING, 3, 10_000, 20_000, "HTTP status 500"),
        Delivery(ids["Cleo"], DeliveryState.GIVEN_UP, 9, 10, 99, "HTTP status 500"),
    )
    assert (outbox.waiting, outbox.given_up) == (2, 1)
    dora = take(outbox, 21_999)
    assert dora.customer == "Dora"
    assert outbox.take(21_999) is None
    bob = take(outbox, 22_000)
    assert (bob.customer, bob.tries) == ("Bob", 3)
    assert settle(outbox, bob, FAILED, 110_000).state is DeliveryState.GIVEN_UP


def test_an_earlier_try_that_is_read_later_changes_nothing() -> None:
    """A program reads what it has written itself."""
    outbox = outbox_of(notification("Ada"))
    first = settle(outbox, take(outbox), FAILED, 0)
    settle(outbox, take(outbox, 500), FAILED, 500)
    outbox.read(first)
    assert outbox.take(1_499) is None
    assert take(outbox, 1_500).tries == 2


def test_a_receiver_that_asks_for_it_is_left_alone() -> None:
    """By all customers."""
    outbox = outbox_of(notification("Ada"), notification("Bob"))
    settle(outbox, take(outbox), Outcome(Failure.STATUS, "HTTP status 429", 30), 0)
    assert outbox.take(29_999) is None
    assert outbox.quiet_until_ms == 30_000
    assert take(outbox, 30_000).customer == "Bob"


@pytest.mark.parametrize("seed", range(200))
def test_nothing_is_lost_and_order_is_kept(seed: int) -> None:
    """Whatever fails, restarts or is read twice: each is delivered or given up, in the order of its customer."""
    random = Random(seed)
    written: list[LedgerRecord] = []
    deliveries: list[Delivery] = []
    ended: list[tuple[str, int]] = []
    outbox, now_ms, ordinal = outbox_of(), 0, 0
    for step in range(600):
        if step < 100:
            ordinal += 1
            written.append(notification(random.choice("ABC"), ordinal))
            outbox.read(written[-1])
        pending = outbox.take(now_ms)
        if pending is not None and random.random() < 0.9:
            outcome = random.choice((DONE, DONE, FAILED, Outcome(Failure.GONE), Outcome(Failure.STATUS, "", 2)))
            written.append(delivery := settle(outbox, pending, outcome, now_ms))
            deliveries.append(delivery)
            if delivery.state is not DeliveryState.TRYING:
                ended.append((pending.customer, pending.notification.ordinal))
        elif pending is not None:
            outbox = outbox_of(*written)
        if deliveries and random.random() < 0.2:
            outbox.read(random.choice(deliveries[-3:]))
        now_ms += random.randint(0, 60_000)
    assert outbox.waiting == 0
    assert len(ended) == len(set(ended)) == 100
    for customer in "ABC":
        ordinals = [number for name, number in ended if name == customer]
        assert ordinals == sorted(ordinals)
