"""How far reading has come, shown on a terminal and logged otherwise; and whether it is to stop, or stalls."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from billing.runtime.kafka import KafkaUnavailableError
from billing.runtime.logs import get_logger
from billing.runtime.signals import NEVER, StopFlag, stop_on_signals
from qb.reading.stall import StallWatch

logger = get_logger(__name__)

LOG_EVERY_SECONDS = 5.0


class StoppedError(Exception):
    """Somebody asked the command to stop: the message says how far it had come."""


@contextmanager
def stopped_plainly(servers: str) -> Iterator[StopFlag]:
    """Give what tells whether a command is asked to stop, and let it end as a person expects who stops it.

    Args:
        servers: the brokers, for the message that Kafka's errors get.

    Raises:
        KeyboardInterrupt: it was stopped, and has said so.
        KafkaUnavailableError: Kafka refused something or did not answer.
    """
    try:
        with stop_on_signals() as stop:
            yield stop
    except StoppedError as stopped:
        sys.stdout.flush()
        print(f"qb: {stopped}", file=sys.stderr)
        raise KeyboardInterrupt from stopped
    except KafkaException as error:
        raise KafkaUnavailableError(f"{servers}: {error.args[0].str()}; try again") from error


class ReadingDisplay:
    """Told after each block that is read; a context manager that leaves the terminal tidy.

    Args:
        stop: asked after each block.
        clock: seconds of a monotonic clock.
    """

    def __init__(self, stop: StopFlag = NEVER, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop, self._clock = stop, clock
        self._bar = _make_bar() if sys.stderr.isatty() else None
        self._of: Mapping[int, int] = {}
        self._start, self._whole = 0, 0
        self._watch = StallWatch(clock)
        self._logged = clock()

    def __enter__(self) -> "ReadingDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def begin(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Show how far the input is read: from offsets up to others, by partition. A second time, it begins anew."""
        self._of = ends
        self._start = sum(min(starts.get(partition, 0), end) for partition, end in ends.items())
        self._whole = sum(ends.values()) - self._start
        if self._bar:
            self._bar.start()
            for former in self._bar.task_ids:
                self._bar.remove_task(former)
            self._bar.add_task("Reading the input", total=self._whole)

    def note(self, topic: str, reached: Mapping[int, int]) -> None:
        """Note how far a topic is read.

        Raises:
            StoppedError: somebody asked to stop.
            OperatorError: nothing has come for a long time.
        """
        if self._stop.requested:
            raise StoppedError(self._how_far(topic, reached))
        self._watch.note(topic, reached)
        if self._of:
            self._show(self._done(reached))

    def _show(self, done: int) -> None:
        now = self._clock()
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done)
        elif now - self._logged >= LOG_EVERY_SECONDS:
            self._logged = now
            logger.info("reading the input", records=done, of=self._whole)

    def _done(self, reached: Mapping[int, int]) -> int:
        return sum(min(reached.get(partition, 0), end) for partition, end in self._of.items()) - self._start

    def _how_far(self, topic: str, reached: Mapping[int, int]) -> str:
        if not self._of:
            return f"stopped while reading {topic}: no event was listed"
        return f"stopped after {max(0, self._done(reached)):,} of {self._whole:,} records: nothing is concluded"


def _make_bar() -> Progress:
    # Where both are a terminal, what is printed goes above the bar. A file or a pipe gets it untouched.
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
