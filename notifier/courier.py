"""Reads the ledger, sends what is due, a few at once, and writes down what became of it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from billing.notification import Delivery
from billing.notification_ledger import KeyValue, Sender, decode
from billing.runtime.logs import get_logger
from billing.runtime.signals import StopFlag
from notifier.claim import SendingClaim
from notifier.metrics import NotifierMetrics
from notifier.outbox import Outbox, Pending
from notifier.retrying import Outcome

logger = get_logger(__name__)

# So many tries are under way at once.
AT_ONCE = 16
_IDLE_SECONDS = 0.05
_SHOW_MS = 1_000
# What is being sent when somebody asks to stop has so long to end; what does not is sent again later.
_LEAVE_SECONDS = 2.0
# One that another has taken over from reads so within some tenths of a second, and stops what it is sending.
HAND_OVER_SECONDS = 1.0


class DeliveriesLog(Protocol):
    """The ledger as the one who sends has it. Its methods wait, so they are called in threads."""

    @property
    def caught_up(self) -> bool:
        """Whether all that was there at the start has been read."""
        ...

    def poll(self) -> Sequence[KeyValue]:
        """Return the records that are waiting; none if there are none in time."""
        ...

    def write(self, record: Delivery | Sender) -> None:
        """Write what became of a notification, or who sends, and wait until it is there."""
        ...


class Messenger(Protocol):
    """Sends one message."""

    async def send(self, pending: Pending) -> Outcome:
        """Try once."""
        ...


class Courier:
    """Keeps sending until asked to stop.

    Args:
        log: the ledger.
        outbox: what is to be sent, empty at first.
        claim: says whether it may send.
        messenger: who sends.
        metrics: told of all.
        stop: ends it.
        now_ms: the wall clock, in milliseconds.
        beat: told that the work goes on.
    """

    def __init__(
        self,
        log: DeliveriesLog,
        outbox: Outbox,
        claim: SendingClaim,
        messenger: Messenger,
        metrics: NotifierMetrics,
        stop: StopFlag,
        now_ms: Callable[[], int],
        beat: Callable[[], None],
    ) -> None:
        self._log, self._outbox, self._messenger, self._metrics = log, outbox, messenger, metrics
        self._claim = claim
        self._stop, self._now_ms, self._beat = stop, now_ms, beat
        self._writing = asyncio.Lock()

    async def run(self, again: bool = False) -> None:
        """Read all there is, then send and go on reading until asked to stop.

        Args:
            again: also send what was given up.

        Raises:
            RecordError: a record that this program can't read.
            KafkaException: the broker refuses.
            FencedError: another one sends.
            OperatorError: something else that a person has to mend.
        """
        await self._take_over()
        if again:
            logger.info("given up notifications are sent again", notifications=self._outbox.try_given_up_again())
        tasks = [asyncio.create_task(self._keep_reading())]
        tasks += [asyncio.create_task(self._keep_sending()) for _ in range(AT_ONCE)]
        try:
            done: set[asyncio.Task[None]] = set()
            while not self._stop.requested and not done:
                done, _ = await asyncio.wait(tasks, timeout=_IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if self._stop.requested:
                await asyncio.wait(tasks, timeout=_LEAVE_SECONDS)
        finally:
            await _end(tasks)

    async def _take_over(self) -> None:
        """Read all there is and claim the ledger; give another one that sends time to notice and leave."""
        self._claim.begin()
        while not self._log.caught_up and not self._stop.requested:
            await self._read()
        self._claim.check()
        if not self._claim.is_held and not self._stop.requested:
            await asyncio.to_thread(self._log.write, self._claim.record)
        while not self._claim.is_held and not self._stop.requested:
            await self._read()
        if self._claim.had_another and not self._stop.requested:
            await asyncio.sleep(HAND_OVER_SECONDS)

    async def _keep_reading(self) -> None:
        show_at_ms = 0
        while not self._stop.requested:
            await self._read()
            self._beat()
            if self._now_ms() >= show_at_ms:
                self._metrics.show(self._outbox, self._now_ms())
                show_at_ms = self._now_ms() + _SHOW_MS

    async def _read(self) -> None:
        for key, value in await asyncio.to_thread(self._log.poll):
            record = decode(key, value)
            if isinstance(record, Sender):
                self._claim.read(record)
            else:
                self._outbox.read(record)

    async def _keep_sending(self) -> None:
        while not self._stop.requested:
            pending = self._outbox.take(self._now_ms())
            if pending is None:
                await asyncio.sleep(_IDLE_SECONDS)
                continue
            outcome = await self._messenger.send(pending)
            delivery = self._outbox.settle(pending, outcome, self._now_ms())
            self._tell(pending, outcome, delivery)
            async with self._writing:
                await asyncio.to_thread(self._log.write, delivery)
            self._outbox.release(pending)

    def _tell(self, pending: Pending, outcome: Outcome, delivery: Delivery) -> None:
        self._metrics.count(outcome)
        one = pending.notification.threshold
        if outcome.failure is None:
            logger.info("notification delivered", id=pending.id, budget=one.budget, tries=delivery.tries)
        else:
            say = logger.error if self._outbox.has_given_up(pending.id) else logger.warning
            say(
                "notification not delivered",
                id=pending.id,
                budget=one.budget,
                tries=delivery.tries,
                state=delivery.state.value,
                reason=outcome.reason,
            )


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel what still runs, and raise what has failed."""
    for task in tasks:
        if not task.done():
            task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
