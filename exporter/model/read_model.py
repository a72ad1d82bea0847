"""The read model: takes records in, and shows them in states that are whole.

A thread applies records, others read; a lock makes each of them see one state. What is shown changes only by whole
commits of the processor (see :mod:`exporter.model.intake`). If a partition's books do not agree within
`patience_seconds`, it is shown all the same, and the difference is told: hiding new money for ever would be worse.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from billing.ledger import OTHER_CURRENCY_RUNBOOK
from billing.runtime.logs import get_logger
from billing.runtime.native.block import RecordBlock
from billing.runtime.topic_reader import Record
from billing.subtotal import Progress, RecordError, UnknownVersionError
from billing.sums import TypeTable
from exporter.kernel.parse import OLD, PLAIN, REST
from exporter.model.cube import Cube
from exporter.model.decoding import Subtotal, decode
from exporter.model.entering import Staging, load
from exporter.model.intake import Imbalance, Intake
from exporter.model.invoices import IssuedInvoices
from exporter.model.ordered import NotNowError, Ordered
from exporter.model.parsing import Parser
from exporter.model.rate import Rate
from exporter.model.received import JoinedRecords, Received, chunks
from exporter.model.staged_sums import StagedSums
from exporter.model.state import NotKnownError, State
from exporter.model.view import Sort, View

logger = get_logger(__name__)

PATIENCE_SECONDS = 1.0
ZONE_RUNBOOK = "docs/runbook.md#time-zone-changed"
RATE_WINDOW_SECONDS = 10.0
NOTHING_SHOWN = -1

# So many records change under one hold of the lock, so that looks get their turn: some 10 ms.
_CHUNK_RECORDS = 1_000


class ReadModel:
    """What is known, and whether it may be shown.

    Args:
        types: the configured event types, in their order.
        time_zone: the zone whose months and hours are shown; sums by those of another one are not.
        currency: what all amounts are in; nothing is shown beside invoices in another one.
        on_shown: called with each progress record newly shown while :attr:`State.READY`, in the applying thread: its
            input partition, the offset that was counted up to before it, and the record.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        types: Iterable[str],
        time_zone: str,
        currency: str,
        on_shown: Callable[[int, int, Progress], None] = lambda *_: None,
        clock: Callable[[], float] = time.monotonic,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.types = TypeTable(types)
        self.cube = Cube(self.types)
        self.invoices = IssuedInvoices()
        self.intakes: dict[int, Intake] = {}
        self.version = 0
        self.records_read = {"subtotals": 0, "invoices": 0}
        self.records_unreadable = {"subtotals": 0, "invoices": 0}
        self.read_fraction: float | None = None
        self._state = State.CATCHING_UP
        self._why = "the topics are being read"
        # Reentrant: what looks may ask the methods below too.
        self._lock = threading.RLock()
        self._time_zone = time_zone
        self._currency = currency
        self._parser = Parser(self.cube)
        self._on_shown = on_shown
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._caught_up_at: float | None = None
        self._rate = Rate(RATE_WINDOW_SECONDS)

    @property
    def state(self) -> State:
        """Whether the numbers are known."""
        return self._state

    @property
    def shown_version(self) -> int:
        """The version of the state that is shown, :data:`NOTHING_SHOWN` while none is."""
        return self.version if self._state is State.READY else NOTHING_SHOWN

    @property
    def why(self) -> str:
        """The state in a sentence."""
        return "the numbers are known" if self._state is State.READY else self._why

    @contextmanager
    def reading(self, at_once: bool = False) -> Iterator[View]:
        """Hold the model still and let it be asked, for as short as possible.

        Args:
            at_once: whether what would take long is refused, see :class:`View`.

        Raises:
            NotKnownError: the numbers are not known.
        """
        with self._lock:
            self._check_known()
            yield View(self.cube, self.intakes.values(), self.invoices, self.version, at_once)

    @contextmanager
    def reading_now(self) -> Iterator[View]:
        """Do the same without waiting for anything: fit for the event loop.

        Raises:
            NotKnownError: the numbers are not known.
            NotNowError: somebody else is at work.
        """
        if not self._lock.acquire(blocking=False):
            raise NotNowError
        try:
            self._check_known()
            yield View(self.cube, self.intakes.values(), self.invoices, self.version, at_once=True)
        finally:
            self._lock.release()

    def still(self, is_wanted: Callable[[], bool]) -> View:
        """Return the state of now; it does not change any more, and may be asked for as long as it takes.

        Args:
            is_wanted: whether anybody still waits for what comes of it.

        Raises:
            NotKnownError: the numbers are not known.
        """
        with self._lock:
            self._check_known()
            intakes = [replace(intake) for intake in self.intakes.values()]
            return View(self.cube.still(), intakes, self.invoices.still(), self.version, is_wanted=is_wanted)

    def bring_up(self, order: Ordered) -> None:
        """Bring an order of customers up to date, holding others up for short times only."""
        order.bring_up(self._lock)

    def _check_known(self) -> None:
        if self._state is not State.READY:
            raise self.not_known()

    def not_known(self) -> NotKnownError:
        """Return why the numbers are not known."""
        return NotKnownError(self._state, f"the numbers are not known: {self._why}", 1)

    def apply(self, records: RecordBlock | Sequence[Record]) -> None:
        """Take in records of the subtotals topic, in the order in which they were read.

        They are not needed any more afterwards.
        """
        block = records if isinstance(records, RecordBlock) else JoinedRecords(records)
        parsed = self._parser.parse(block)
        rest = np.flatnonzero(parsed.kinds == REST).tolist()
        told = [(at, subtotal) for at in rest if (subtotal := self._decode(block, at)) is not None]
        plain = np.flatnonzero(parsed.kinds == PLAIN)
        with self._lock:
            self.records_read["subtotals"] += int(np.count_nonzero(parsed.kinds != OLD))
        for first, end in chunks(told, len(block), _CHUNK_RECORDS):
            chosen = plain[np.searchsorted(plain, first) : np.searchsorted(plain, end)]
            with self._lock:
                self._receive(Received(parsed, chosen, [one for one in told if first <= one[0] < end]))

    def apply_invoices(self, records: list[Record]) -> None:
        """Take in records of the invoices topic, in the order in which they were read."""
        for start in range(0, len(records), _CHUNK_RECORDS):
            with self._lock:
                for record in records[start : start + _CHUNK_RECORDS]:
                    self._apply_invoice(record)
                self._check_currency()
                self.version += 1

    def catching_up(self, read: int, end: int) -> None:
        """Say how far the topics have been read: offsets reached, and where they end."""
        self.read_fraction = min(1.0, read / end) if end else 1.0
        self._say_while_catching_up(f"the topics are being read, {self.read_fraction:.0%} done")

    def caught_up(self) -> None:
        """Say that all topics have been read to their ends; the model is ready as soon as the books agree."""
        if self._caught_up_at is None:
            self._caught_up_at = self._clock()
            self.read_fraction = 1.0
            self._say_while_catching_up("the newest commits have not been read whole yet")
        self.tick()

    def tick(self) -> None:
        """Show what has waited too long. To be called a few times a second, by the thread that applies."""
        now = self._clock()
        if self._state is State.CATCHING_UP and self._caught_up_at is not None:
            self._become_ready(now)
        with self._lock:
            if self._state is State.READY:
                for intake in self.intakes.values():
                    if intake.waiting_since is not None and now - intake.waiting_since > self._patience_seconds:
                        self._give_up_waiting(intake)
                self._check_zones()

    def stop(self, why: str) -> None:
        """Say that no more records will come: what is shown would grow old without a word."""
        with self._lock:
            self._state, self._why = State.STOPPED, why

    def imbalance(self) -> Imbalance:
        """Return how far the books of what is shown are off, without waiting."""
        return sum((intake.shown_imbalance for intake in list(self.intakes.values())), Imbalance())

    def next_offsets(self) -> dict[int, int]:
        """Return the offset up to which each input partition is counted in what is shown, without waiting."""
        shown = [(partition, intake.shown_progress) for partition, intake in list(self.intakes.items())]
        return {partition: progress.next_offset for partition, progress in shown if progress is not None}

    def consumed_per_second(self) -> float:
        """Return the input records counted per second, over the last ten seconds."""
        with self._lock:
            return self._rate.per_second(self._clock())

    def _apply_invoice(self, record: Record) -> None:
        self.records_read["invoices"] += 1
        try:
            self.invoices.apply(record.key or b"", record.value)
        except RecordError as error:
            self._refuse("invoices", record, error)

    def _decode(self, block: RecordBlock, at: int) -> Subtotal | None:
        record = Record(int(block.partitions[at]), int(block.offsets[at]), block.key(at), block.value(at), -1)
        try:
            return decode(record, self.types)
        except RecordError as error:
            with self._lock:
                self._refuse("subtotals", record, error)
            return None

    def _refuse(self, topic: str, record: Record, error: RecordError) -> None:
        self.records_unreadable[topic] += 1
        if isinstance(error, UnknownVersionError):
            if self._state is State.UNKNOWN_VERSION:  # said already; a whole topic of them may follow
                return
            self._state, self._why = State.UNKNOWN_VERSION, f"in {topic}, {error}"
        logger.error(
            "record cannot be read", topic=topic, partition=record.partition, offset=record.offset, error=error
        )

    def _receive(self, received: Received) -> None:
        partitions = received.partitions()
        for partition in partitions:
            if partition not in self.intakes:
                self.intakes[partition] = Intake(partition, self.cube, StagedSums(partition))
        if self._state is State.READY:
            Staging(self.intakes, received, self._clock(), self._show).run()
        else:
            load(self.cube, self.intakes, received, self._clock())
            for partition in partitions:
                self.intakes[partition].show()
        self._check_zones()

    def _show(self, intake: Intake) -> None:
        fresh, before = intake.staged_progress, intake.shown_progress
        intake.show()
        self.version += 1
        if fresh is not None:
            self._sample()
            self._on_shown(intake.partition, before.next_offset if before else 0, fresh)

    def _check_zones(self) -> None:
        """Show nothing while the newest sums of a partition are another zone's: its months begin elsewhere."""
        if self._state not in (State.READY, State.OTHER_TIME_ZONE):
            return
        view = View(self.cube, self.intakes.values(), self.invoices, self.version)
        other = next(((p, zone) for p, zone in view.zones().items() if zone != self._time_zone), None)
        if other is None and self._state is State.OTHER_TIME_ZONE:
            self._state, self._why = State.CATCHING_UP, "all partitions are counted by one zone again"
            self._caught_up_at = self._clock()
        if other is not None:
            why = (
                f"input partition {other[0]} is counted by the months and hours of {other[1]}, but time_zone is "
                f"{self._time_zone}; set it back, or count again, see {ZONE_RUNBOOK}"
            )
            if self._state is State.READY:
                logger.error("sums are by another time zone", error=why)
                # What comes now is shown as it comes, since nobody looks: what was kept back is older.
                for intake in self.intakes.values():
                    intake.show()
            self._state, self._why = State.OTHER_TIME_ZONE, why

    def _check_currency(self) -> None:
        """Show nothing once an invoice is in another currency: its amounts and those of the open month would mix."""
        other = next((pair for pair in self.invoices.currencies.items() if pair[0] != self._currency), None)
        if other is None or self._state not in (State.CATCHING_UP, State.READY, State.OTHER_TIME_ZONE):
            return
        why = (
            f"the invoices of {other[1]} are in {other[0]}, but currency is {self._currency}; set it back, or set up "
            f"another deployment, see {OTHER_CURRENCY_RUNBOOK}"
        )
        logger.error("invoices are in another currency", error=why)
        self._state, self._why = State.OTHER_CURRENCY, why

    def _say_while_catching_up(self, why: str) -> None:
        with self._lock:
            if self._state is State.CATCHING_UP:
                self._why = why

    def _give_up_waiting(self, intake: Intake) -> None:
        if not intake.books.agree:
            logger.warning("books do not agree", partition=intake.partition, imbalance=intake.books.imbalance())
        self._show(intake)

    def _become_ready(self, now: float) -> None:
        assert self._caught_up_at is not None
        balanced = all(intake.books.agree for intake in self.intakes.values())
        if not balanced and now - self._caught_up_at <= self._patience_seconds:
            return
        self._warm_up()
        with self._lock:
            if self._state is not State.CATCHING_UP:
                return
            self._state = State.READY
            self.version += 1
            self._sample()
            self._check_zones()
            if self._state is not State.READY:
                return
        logger.info(
            "read model ready",
            customers=len(self.cube.names),
            months=len(self.cube.months),
            partitions=len(self.intakes),
            balanced=balanced,
        )

    def _warm_up(self) -> None:
        """Sort the newest customers before anybody asks: of a million that takes seconds, the first time.

        Without the lock, so that health is still told: nobody looks yet, and only this thread changes anything.
        """
        view = View(self.cube, self.intakes.values(), self.invoices, self.version)
        if (month := view.newest_month()) is not None:
            view.ranked(month, Sort.TOTAL)
            view.named("", month)

    def _sample(self) -> None:
        shown = (intake.shown_progress for intake in self.intakes.values())
        self._rate.add(self._clock(), sum(progress.consumed for progress in shown if progress is not None))
