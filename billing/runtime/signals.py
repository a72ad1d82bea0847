"""Stopping cleanly: the signals of a service manager or of Ctrl-C, as a flag a loop looks at or as an interrupt."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopFlag(Protocol):
    """What is looked at by whoever works for long, to leave in time."""

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        ...


@dataclass
class Stop:
    """Whether the process has been asked to stop.

    A plain flag: setting a :class:`threading.Event` from a signal handler can lock up the thread that waits for it.
    """

    requested: bool = False


# For whoever is never asked to stop.
NEVER: StopFlag = Stop()


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn the first SIGINT or SIGTERM into a flag; the second one acts as it would have without this.

    Use it in the main thread. The former handlers come back at the end.
    """
    stop = Stop()
    former = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def request(number: int, _frame: object) -> None:
        stop.requested = True
        signal.signal(number, former[signal.Signals(number)])

    for number in STOP_SIGNALS:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def interrupted_once_by_signals() -> Iterator[None]:
    """Make SIGTERM what Ctrl-C is, a KeyboardInterrupt; after the first of both, more of them change nothing.

    Use it in the main thread. The former handlers come back at the end.
    """

    def interrupt(_number: int, _frame: object) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
