"""A process of a test that ends, or freezes, when it reaches a step for the so-manieth time."""

import os
import signal
from collections.abc import Callable


def reached_at(where: str) -> Callable[[str], bool]:
    """Return what is told each step that is reached, and says whether that is the place.

    Args:
        where: ``step:times``: that step, reached for the `times`-th time.
    """
    name, _, times = where.partition(":")
    left = int(times)

    def reached(step: str) -> bool:
        nonlocal left
        left -= step == name
        return step == name and left == 0

    return reached


def signal_at(where: str, number: signal.Signals = signal.SIGKILL) -> Callable[[str], None]:
    """Return a listener that signals this process at ``step:times``."""
    reached = reached_at(where)

    def listen(step: str) -> None:
        if reached(step):
            os.kill(os.getpid(), number)

    return listen
