"""Sending to receivers that fail, hang and lie: what is taken, what is tried again, and that it ends in time."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from billing.claim import FencedError
from billing.notification import Delivery, DeliveryState, Kind, Notification
from billing.notification_ledger import Sender, encode
from billing.webhook_secret import parse_secret
from notifier.claim import SendingClaim
from notifier.courier import Courier
from notifier.metrics import NotifierMetrics
from notifier.outbox import Outbox, Pending
from notifier.retrying import Failure, Outcome, RetryRule
from notifier.signing import Signer
from notifier.webhook import WebhookSender
from tests.notifier.receiver import (
    LEDGER,
    SECRET,
    Answer,
    MemoryLog,
    Receiver,
    aiohttp_app,
    dribble,
    hang,
    huge_body,
    notification,
    raw,
    receiving,
    slow_body,
    status,
)

SIGNER = Signer([parse_secret(SECRET)])
PATIENT = RetryRule(0.01, 0.02, 60)
# A try that is meant to be given up, and one that is not, however busy the machine.
SHORT_SECONDS, LONG_SECONDS = 0.5, 20.0
TIMEOUT_SECONDS = 30.0


async def try_once(*answers: Answer, try_seconds: float = LONG_SECONDS) -> tuple[Failure | None, str, float, Receiver]:
    """Send one message to a receiver, and return what came of it, and how long it took."""
    async with receiving(*answers) as receiver, WebhookSender(receiver.url, LEDGER, SIGNER, try_seconds) as sender:
        one = notification("Ada")
        began = time.monotonic()
        outcome = await asyncio.wait_for(sender.send(Pending(one, one.id(LEDGER))), TIMEOUT_SECONDS)
        return outcome.failure, outcome.reason, time.monotonic() - began, receiver


def test_a_message_is_what_the_specification_says() -> None:
    """Id, time and signature in headers, the notification in the body."""
    failure, _, _, receiver = asyncio.run(try_once())
    (received,) = receiver.received
    assert failure is None
    assert received.id == notification("Ada").id(LEDGER)
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60
    assert received.headers["content-type"] == "application/json"
    assert received.body == notification("Ada").body(LEDGER)
    assert received.is_signed_with(SECRET)
    assert not received.is_signed_with("whsec_" + "b" * 32)


@pytest.mark.parametrize("answer", [status(200), status(204), status(299), slow_body, huge_body])
def test_what_counts_as_taken(answer: Answer) -> None:
    """Any 2xx; nobody waits for a body, however slow or large."""
    failure, _, seconds, _ = asyncio.run(try_once(answer))
    assert failure is None
    assert seconds < TIMEOUT_SECONDS


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (status(500), Failure.STATUS),
        (status(404, body=b"whsec_" * 1_000), Failure.STATUS),
        (status(301, "Location: http://127.0.0.1:1/"), Failure.STATUS),
        (status(307, "Location: /hook"), Failure.STATUS),
        (status(410), Failure.GONE),
        (status(999), Failure.STATUS),
        (raw(b""), Failure.CONNECTION),
        (raw(b"\x00\xff garbage \r\n\r\n" * 100), Failure.CONNECTION),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), Failure.CONNECTION),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000), Failure.CONNECTION),
        (raw(b"HTTP/1.1 abc OK\r\n\r\n"), Failure.CONNECTION),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Failure.CONNECTION),
        (hang, Failure.TIMEOUT),
        (dribble, Failure.TIMEOUT),
    ],
)
def test_what_counts_as_failed(answer: Answer, failure: Failure) -> None:
    """No redirect is followed, and what is no HTTP is no answer; the reason is short and can be printed."""
    seconds = SHORT_SECONDS if failure is Failure.TIMEOUT else LONG_SECONDS
    found, reason, _, receiver = asyncio.run(try_once(answer, try_seconds=seconds))
    assert found is failure
    assert len(receiver.received) == 1
    assert reason.isprintable()
    assert 0 < len(reason) <= 200


def test_nobody_listens() -> None:
    """A port without a receiver."""

    async def send() -> Failure | None:
        async with WebhookSender("http://127.0.0.1:1/hook", LEDGER, SIGNER, LONG_SECONDS) as sender:
            return (await sender.send(Pending(notification("Ada"), "msg_1"))).failure

    assert asyncio.run(send()) is Failure.CONNECTION


class Stop:
    """Asks to stop once something is so."""

    def __init__(self, is_done: Callable[[], bool]) -> None:
        self._is_done, self._deadline = is_done, time.monotonic() + TIMEOUT_SECONDS

    @property
    def requested(self) -> bool:
        assert time.monotonic() < self._deadline, "it is not done in time"
        return self._is_done()


async def carry(
    log: MemoryLog,
    url: str,
    is_done: Callable[[], bool],
    rule: RetryRule = PATIENT,
    again: bool = False,
    claim: SendingClaim | None = None,
    try_seconds: float = LONG_SECONDS,
) -> CollectorRegistry:
    """Send what is in a ledger until it is done, and return the metrics."""
    registry = CollectorRegistry()
    log.rewind()
    outbox = Outbox(LEDGER, rule, lambda: 0.5)
    async with WebhookSender(url, LEDGER, SIGNER, try_seconds) as sender:
        courier = Courier(
            log,
            outbox,
            claim or SendingClaim(LEDGER),
            sender,
            NotifierMetrics(registry),
            Stop(is_done),
            lambda: time.time_ns() // 1_000_000,
            lambda: None,
        )
        await courier.run(again)
    return registry


def ended(log: MemoryLog) -> int:
    """Return how many notifications are delivered or given up."""
    return sum(one.state is not DeliveryState.TRYING for one in log.deliveries())


def log_of(*notifications: Notification) -> MemoryLog:
    return MemoryLog([encode(one) for one in notifications])


def test_it_is_tried_until_it_is_taken() -> None:
    """With one id, and a signature of each try."""
    log = log_of(notification("Ada"))

    async def scene() -> Receiver:
        async with receiving(status(500), raw(b"?"), hang, status(302)) as receiver:
            await carry(log, receiver.url, lambda: ended(log) == 1, try_seconds=2.0)
            return receiver

    receiver = asyncio.run(scene())
    assert {one.id for one in receiver.received} == {notification("Ada").id(LEDGER)}
    assert all(one.is_signed_with(SECRET) for one in receiver.received)
    assert [(one.state.value, one.tries) for one in log.deliveries()] == [
        *(("trying", tries) for tries in range(1, 5)),
        ("delivered", 5),
    ]


def test_a_customer_that_hangs_holds_up_nobody_else() -> None:
    """Its own notifications keep their order."""
    others = [notification(f"C{number}") for number in range(30)]
    log = log_of(notification("Ada"), *others, notification("Ada", kind=Kind.RESOLVED))

    async def scene() -> Receiver:
        async with receiving(hang, hang, status(503)) as receiver:
            await carry(log, receiver.url, lambda: ended(log) == 32, try_seconds=2.0)
            return receiver

    receiver = asyncio.run(scene())
    taken = [one.id for one in log.deliveries() if one.state is DeliveryState.DELIVERED]
    first, second = (notification("Ada", kind=kind).id(LEDGER) for kind in Kind)
    assert len(set(taken)) == 32
    assert taken.index(first) < taken.index(second)
    assert len(receiver.received) == 35


def test_what_is_given_up_is_kept_and_can_be_sent_again() -> None:
    """It is a record and a metric, until somebody asks for it."""
    log = log_of(notification("Ada"), notification("Ada", 2))

    async def scene() -> tuple[float | None, float | None]:
        async with receiving(status(410)) as receiver:
            registry = await carry(log, receiver.url, lambda: ended(log) == 2)
            before = registry.get_sample_value("billing_notifier_tries_failed_total", {"reason": "gone"})
            await carry(log, receiver.url, lambda: ended(log) == 3, again=True)
            return before, registry.get_sample_value("billing_notifier_delivered_total")

    assert asyncio.run(scene()) == (1, 1)
    states = [(one.id == notification("Ada").id(LEDGER), one.state.value) for one in log.deliveries()]
    assert states == [(True, "given_up"), (False, "delivered"), (True, "delivered")]


def test_it_is_given_up_after_its_time() -> None:
    """A receiver that fails for ever."""
    log = log_of(notification("Ada"))

    async def scene() -> None:
        async with receiving(*[status(500)] * 1_000) as receiver:
            await carry(log, receiver.url, lambda: ended(log) == 1, RetryRule(0.01, 0.02, 0.3))

    asyncio.run(scene())
    assert log.deliveries()[-1].state is DeliveryState.GIVEN_UP
    assert log.deliveries()[-1].reason == "HTTP status 500"


def test_a_receiver_as_people_write_them() -> None:
    """Made with aiohttp, failing a few times."""
    log, received = log_of(*(notification(f"C{number}") for number in range(10))), list[str]()

    async def scene() -> None:
        runner = web.AppRunner(aiohttp_app([500, 503, 404], received))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        try:
            await carry(log, f"http://{host}:{port}/hook", lambda: ended(log) == 10)
        finally:
            await runner.cleanup()

    asyncio.run(scene())
    assert len(received) == 13
    assert len(set(received)) == 10


def test_a_ledger_that_fails_ends_it() -> None:
    """What can't be written down is not forgotten in silence."""

    class BrokenLog(MemoryLog):
        def write(self, record: Delivery | Sender) -> None:
            if isinstance(record, Delivery):
                raise OSError("the broker is gone")
            super().write(record)

    log = BrokenLog([encode(notification("Ada"))])

    async def scene() -> None:
        async with receiving() as receiver:
            await carry(log, receiver.url, lambda: False)

    with pytest.raises(OSError, match="the broker is gone"):
        asyncio.run(scene())


def test_nothing_is_sent_before_all_is_read() -> None:
    """What was delivered says so behind the notification."""
    one = notification("Ada")
    log = MemoryLog([encode(one)])
    outbox = Outbox(LEDGER, PATIENT, lambda: 0.5)
    outbox.read(one)
    log.write(outbox.settle(outbox.take(0) or Pending(one, ""), Outcome(None), 0))

    async def scene() -> Receiver:
        async with receiving() as receiver:
            log.records.append(encode(notification("Bob")))
            await carry(log, receiver.url, lambda: ended(log) == 2)
            return receiver

    assert [one.customer for one in asyncio.run(scene()).received] == ["Bob"]


def test_the_one_that_was_started_later_sends() -> None:
    """The other one leaves, whatever it is sending; all arrive, and only what was under way may arrive twice."""
    log = log_of(*(notification(f"C{number}") for number in range(40)))

    async def scene() -> Receiver:
        async with receiving(*[hang] * 16) as receiver:
            first = asyncio.create_task(carry(log, receiver.url, lambda: False))
            while len(receiver.received) < 16:  # noqa: ASYNC110 - the receiver tells nobody
                await asyncio.sleep(0.01)
            await carry(log.beside(), receiver.url, lambda: ended(log) == 40)
            with pytest.raises(FencedError, match=r"another qb notify .* docs/runbook\.md#fenced-notify"):
                await first
            return receiver

    seen = Counter(one.id for one in asyncio.run(scene()).received)
    assert len(seen) == 40
    assert {one.id for one in log.deliveries() if one.state is DeliveryState.DELIVERED} == seen.keys()


def test_one_that_begins_anew_goes_on() -> None:
    """After a lost broker it reads its own claim again; unless another one came meanwhile, it sends."""
    log, claim = log_of(notification("Ada")), SendingClaim(LEDGER)

    async def scene() -> None:
        async with receiving() as receiver:
            await carry(log, receiver.url, lambda: ended(log) == 1, claim=claim)
            log.records.append(encode(notification("Bob")))
            await carry(log, receiver.url, lambda: ended(log) == 2, claim=claim)
            log.write(Sender("another"))
            with pytest.raises(FencedError):
                await carry(log, receiver.url, lambda: False, claim=claim)

    asyncio.run(scene())
    assert sum(key == b"sender" for key, _ in log.records) == 2
