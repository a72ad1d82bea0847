"""The command `qb replay` as a test runs it: it can be told to kill itself at a step of a transaction."""

import os
import sys
from functools import partial

import qb.replay.app
from qb.cli import main
from tests.killing import signal_at

KILL_AT = "QB_TEST_KILL_AT"

if __name__ == "__main__":
    qb.replay.app.run = partial(qb.replay.app.run, steps=signal_at(os.environ[KILL_AT]))
    sys.exit(main())
