"""The command `qb replay` as a test runs it: it can be told to kill itself at a step of a transaction."""

import os
import signal
import sys
from functools import partial

import qb.replay.app
from billing.runtime.ledger_writer import WriteStep, WriteSteps
from qb.cli import main

KILL_AT = "QB_TEST_KILL_AT"


def kill_at(where: str) -> WriteSteps:
    """Return a listener that kills this process at ``step:times``: at that step, reached for the `times`-th time."""
    name, _, times = where.partition(":")
    left = int(times)

    def listen(step: WriteStep) -> None:
        nonlocal left
        left -= step == name
        if step == name and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return listen


if __name__ == "__main__":
    qb.replay.app.run = partial(qb.replay.app.run, steps=kill_at(os.environ[KILL_AT]))
    sys.exit(main())
