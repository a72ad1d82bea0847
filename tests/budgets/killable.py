"""The command `qb budgets` as a test runs it: it can kill itself, or have its transaction ended, at a step."""

import os
import sys
from functools import partial

import budgets.app
from billing.runtime.ledger_writer import LedgerWriter, WriteSteps, ignore_write_step
from qb.cli import main
from tests.killing import reached_at, signal_at
from tests.torn_transactions import end_transaction

KILL_AT = "QB_TEST_KILL_AT"
TEAR_AT = "QB_TEST_TEAR_AT"
RECORD = "record"


def tear_at(where: str) -> WriteSteps:
    """Make a late message end the open transaction once, and return the listener that may do it.

    Args:
        where: ``servers|transactional id|commit or abort|step:times``; the step `record` is each record sent.
    """
    servers, transactional_id, end, place = where.split("|")
    reached = reached_at(place)

    def tear_if_reached(step: str) -> None:
        if reached(step):
            end_transaction(servers, transactional_id, commit=end == "commit")

    send = LedgerWriter._produce

    def send_and_tear(writer: LedgerWriter, key: bytes, value: bytes) -> None:
        send(writer, key, value)
        writer._producer.flush(60)
        tear_if_reached(RECORD)

    setattr(LedgerWriter, "_produce", send_and_tear)  # noqa: B010 - mypy refuses the plain form
    return tear_if_reached


if __name__ == "__main__":
    steps: WriteSteps = ignore_write_step
    if os.environ.get(KILL_AT):
        steps = signal_at(os.environ[KILL_AT])
    if os.environ.get(TEAR_AT):
        steps = tear_at(os.environ[TEAR_AT])
    budgets.app.run = partial(budgets.app.run, steps=steps)
    sys.exit(main())
