"""The command `qb invoice` as a test runs it: it can be told to kill or freeze itself at a step of its work."""

import os
import signal
import sys
from functools import partial

import invoicer.app
from invoicer.steps import Step, Steps
from qb.cli import main

KILL_AT = "QB_TEST_KILL_AT"
FREEZE_AT = "QB_TEST_FREEZE_AT"


def signal_at(where: str, number: signal.Signals) -> Steps:
    """Return a listener that signals this process at ``step:times``: at that step, reached for the `times`-th time."""
    name, _, times = where.partition(":")
    left = int(times)

    def listen(step: Step) -> None:
        nonlocal left
        if step == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    return listen


if __name__ == "__main__":
    for variable, number in ((KILL_AT, signal.SIGKILL), (FREEZE_AT, signal.SIGSTOP)):
        if os.environ.get(variable):
            invoicer.app.run = partial(invoicer.app.run, steps=signal_at(os.environ[variable], number))
    sys.exit(main())
