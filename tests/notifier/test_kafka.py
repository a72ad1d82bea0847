"""`qb notify` on a real Kafka, killed while it sends: each notification arrives, in the order of its customer."""

import asyncio
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from billing.notification import DeliveryState, Notification
from billing.notification_ledger import encode
from billing.runtime.ledger_writer import LedgerWriter
from tests.budgets.kafka_world import TIMEOUT_SECONDS, KafkaWorld
from tests.budgets.model import Event
from tests.command import running
from tests.conftest import Kafka
from tests.notifier.receiver import SECRET, Answer, Receiver, notification, receiving, status

pytestmark = [pytest.mark.spread, pytest.mark.timeout(300)]

CUSTOMERS = ("Ada", "Bob", "Cleo")
SLOW = pytest.mark.slow("notifications sent by one that is killed again and again")


@contextmanager
def running_receiver(*answers: Answer) -> Iterator[Receiver]:
    """Run a receiver in a thread."""
    started: list[Receiver] = []
    ready, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with receiving(*answers) as receiver:
            started.append(receiver)
            ready.set()
            while not ended.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(TIMEOUT_SECONDS)
        yield started[0]
    finally:
        ended.set()
        thread.join(TIMEOUT_SECONDS)


class NotifierWorld(KafkaWorld):
    """A ledger with notifications, and `qb notify` as a process."""

    def tell(self, *notifications: Notification) -> None:
        """Write notifications, as the one who decides does."""
        writer = LedgerWriter(self.settings, self.settings.notifications_topic, "budgets")
        writer.take_over()
        writer.commit([encode(one) for one in notifications])
        writer.close()

    def notifier(self, url: str, *flags: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Run `qb notify`; it is killed at the end if it still runs."""
        more = {
            "webhook_url": url,
            "webhook_secret": (SECRET,),
            "webhook_try_seconds": 2,
            "webhook_first_pause_seconds": 0.1,
            "webhook_longest_pause_seconds": 0.5,
            "notifier_port": 0,
        }
        settings = self.settings.model_copy(update=more)
        return running(settings, self.folder, "notify", *flags)

    def has_ended(self, count: int) -> bool:
        """Say whether so many notifications are delivered or given up."""
        return len(self.ended()) == count

    def ended(self) -> dict[str, str]:
        """Return id -> state of what is delivered or given up."""
        return {one.id: one.state.value for one in self.deliveries() if one.state is not DeliveryState.TRYING}


@pytest.fixture
def world(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> NotifierWorld:
    """A Kafka with five notifications of each of three customers."""
    world = NotifierWorld(kafka.bootstrap_servers, topic_prefix, tmp_path)
    world.tell(*(notification(customer, ordinal) for ordinal in range(1, 6) for customer in CUSTOMERS))
    return world


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check(world: NotifierWorld, receiver: Receiver) -> None:
    """Assert that all arrived, signed, first in the order of each customer, and that the ledger says so."""
    ids = {
        customer: [notification(customer, ordinal).id(world.settings.notifications_topic) for ordinal in range(1, 6)]
        for customer in CUSTOMERS
    }
    for customer, wanted in ids.items():
        seen = [one.id for one in receiver.received if one.customer == customer]
        assert list(dict.fromkeys(seen)) == wanted
        # One that was killed may send its newest one again.
        assert seen == sorted(seen, key=wanted.index)
    assert all(one.is_signed_with(SECRET) for one in receiver.received)
    assert world.ended().items() >= {id_: "delivered" for wanted in ids.values() for id_ in wanted}.items()


def test_all_arrive_in_the_order_of_their_customers(world: NotifierWorld) -> None:
    """Once each, while nothing fails; it leaves when it is asked to, and sends nothing again later."""
    with running_receiver() as receiver:
        for count in (15, 16):
            with world.notifier(receiver.url) as process:
                wait_for(partial(world.has_ended, count))
                process.send_signal(signal.SIGTERM)
                said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
                assert process.returncode == 0, said
                assert SECRET not in said
            assert len(receiver.received) == count
            world.tell(notification("Dora"))
        check(world, receiver)


@pytest.mark.parametrize("after", [1, *(pytest.param(after, marks=SLOW) for after in (4, 8, 14))])
def test_killed_while_it_sends(world: NotifierWorld, after: int) -> None:
    """The next one goes on, in the same order."""
    with running_receiver(*[status(500)] * 2) as receiver:
        with world.notifier(receiver.url) as process:
            wait_for(lambda: len(receiver.received) >= after)
            process.kill()
            process.wait(TIMEOUT_SECONDS)
        with world.notifier(receiver.url):
            wait_for(lambda: len(world.ended()) == 15)
        check(world, receiver)


def test_what_is_given_up_stays_given_up(world: NotifierWorld) -> None:
    """Over a restart, until somebody asks for it."""
    with running_receiver(status(410), status(410)) as receiver:
        with world.notifier(receiver.url):
            wait_for(lambda: len(world.ended()) == 15)
        assert sorted(world.ended().values()) == ["delivered"] * 13 + ["given_up"] * 2
        with world.notifier(receiver.url, "--again"):
            wait_for(lambda: set(world.ended().values()) == {"delivered"})
        assert len(receiver.received) == 17


def test_the_one_that_was_started_later_sends(world: NotifierWorld) -> None:
    """The other one leaves with a line that says why, and all arrive."""

    async def hang(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(600)

    with running_receiver(*[hang] * 3) as receiver, world.notifier(receiver.url) as first:
        wait_for(lambda: len(receiver.received) >= 3)
        with world.notifier(receiver.url):
            said, _ = first.communicate(timeout=TIMEOUT_SECONDS)
            assert first.returncode == 1, said
            assert "another qb notify has taken over the ledger" in said
            assert "docs/runbook.md#fenced-notify" in said
            wait_for(lambda: len(world.ended()) == 15)
        check(world, receiver)


def test_a_receiver_that_hangs_does_not_hold_up_deciding(world: NotifierWorld) -> None:
    """`qb budgets` tells what is due while nothing can be sent."""

    async def hang(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(600)

    with running_receiver(*[hang] * 1_000) as receiver, world.notifier(receiver.url):
        wait_for(lambda: len(receiver.received) >= 3)
        with world.budgets():
            world.commit(Event(0, "2026-01", "Dora", "CALL", 10_000_000))
            told = world.wait_for_told(17)
    assert [one[2:4] for one in told[15:]] == [("Dora", 50), ("Dora", 100)]


def test_without_a_receiver_it_says_so(world: NotifierWorld) -> None:
    """And does not wait for any."""
    with world.notifier("") as process:
        said, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 1
    assert "no receiver is set" in said
