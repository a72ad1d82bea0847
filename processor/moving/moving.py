"""Runs the moving beside the counting, and begins it anew after what may pass."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry

from billing.errors import OperatorError
from billing.runtime.fetching import careful, largest_batch_bytes, swift, unpacked_too_much
from billing.runtime.kafka import admin_client
from billing.runtime.logs import get_logger
from billing.runtime.memory import merge_freed_memory
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.pulse import Pulse
from billing.settings import Settings
from billing.topics import moving_group
from processor.care import CarefulLongEnoughError, CarefulRun, find_refused_batch
from processor.failures import is_unpacking_refused, log_failure, sort_failure
from processor.joining import wait_for_own_end
from processor.member import instance_id
from processor.moving.metrics import MovingMetrics
from processor.moving.mover import Mover, consumer_options
from processor.moving.takeover import TakeoverReader

logger = get_logger(__name__)

# Failures in a row without a commit after which it gives up; the pause grows by a second each.
MOST_FAILURES = 8
MOST_PAUSE_SECONDS = 5
_STOP_SECONDS = 20.0


class MovingFailedError(OperatorError):
    """Records could not be moved, again and again; the log says why."""


@contextmanager
def moving_beside(
    settings: Settings, registry: CollectorRegistry, pulse: Pulse, may_write: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Move records meanwhile, if the settings say so; give what raises why it can't go on.

    Args:
        settings: all of them; the topics must exist.
        registry: where metrics are shown.
        pulse: told of the work.
        may_write: asked before each transaction; raises what forbids it.
    """
    if settings.dedup_scope == "partition":
        yield lambda: None
        return
    merge_freed_memory()
    with Moving(settings, settings.keyed_partitions, MovingMetrics(registry), pulse, may_write) as moving:
        yield moving.raise_failure


class Moving:
    """Moves records in a thread of its own, with clients of its own. Use it as a context manager: leaving ends it.

    A thread, not a process: what takes time is done by the client and by compiled code, without the interpreter's
    lock. So there is one process to supervise, with one port.

    Args:
        settings: all of them.
        partitions: how many the keyed topic has.
        metrics: what it tells of itself.
        pulse: told each time that records are asked for, and of each failure.
        may_write: asked before each transaction; raises what forbids it.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        metrics: MovingMetrics,
        pulse: Pulse,
        may_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings, self._partitions = settings, partitions
        self._metrics, self._pulse, self._may_write = metrics, pulse, may_write
        # What is read here is the input, by another group than that of the counting.
        group = moving_group(settings.keyed_topic)
        self._reading = settings.model_copy(update={"dedup_scope": "partition", "consumer_group": group})
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="moving", daemon=True)
        self._failure: OperatorError | None = None
        self._is_careful = False
        self._commits = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(_STOP_SECONDS)

    def raise_failure(self) -> None:
        """Go on if records are moved, or will be.

        Raises:
            OperatorError: something that a person has to mend.
        """
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._commits = 0
            try:
                self._run_once()
            except OperatorError as error:
                self._failure = error
                return
            except Exception as error:
                failures = 1 if self._commits else failures + 1
                if failures >= MOST_FAILURES:
                    self._failure = MovingFailedError(
                        f"records of {self._settings.input_topic} can't be moved: {error!r}"
                    )
                    return
                self._stop.wait(min(failures, MOST_PAUSE_SECONDS))

    def _run_once(self) -> None:
        """Move records until told to stop.

        Raises:
            OperatorError: something that a person has to mend.
            Exception: what may pass.
        """
        settings = self._settings
        try:
            mover = self._make()
            with self._metrics.shown(mover.lag):
                try:
                    mover.run(self._stop.is_set)
                finally:
                    mover.close()
        except Exception as error:
            if (told := sort_failure(error, self._reading).told) is not None:
                raise told from error
            if self._is_careful and is_unpacking_refused(error):
                raise unpacked_too_much(settings, settings.input_topic, find_refused_batch(self._reading)) from error
            self._is_careful = is_unpacking_refused(error)
            if not isinstance(error, CarefulLongEnoughError):
                log_failure(sort_failure(error, self._reading), f"{settings.instance} (moving)")
                self._pulse.fail(type(error).__name__)
            raise

    def _make(self) -> Mover:
        settings = self._settings
        admin = admin_client(settings, log_level=0)
        group = moving_group(settings.keyed_topic)
        wait_for_own_end(admin, group, instance_id(settings), settings.input_topic, self._stop.is_set)
        fast = swift(settings, largest_batch_bytes(admin, settings.input_topic))
        return Mover(
            settings,
            self._partitions,
            consumer_options(settings, careful(settings) if self._is_careful else fast),
            TakeoverReader(settings, self._partitions, PartitionBounds(settings)),
            CarefulRun(self._may_write) if self._is_careful else self._may_write,
            self._pulse.beat,
            self._note_commit,
        )

    def _note_commit(self, records: int) -> None:
        self._commits += 1
        self._metrics.count(records)
