"""The command `qb invoice` as a test runs it: it can be told to kill or freeze itself at a step of its work."""

import os
import signal
import sys
from functools import partial

import invoicer.app
from invoicer.ledger_writer import KafkaLedgerWriter
from invoicer.steps import Step, Steps, ignore_step
from qb.cli import main
from tests.killing import reached_at, signal_at
from tests.torn_transactions import end_transaction

KILL_AT = "QB_TEST_KILL_AT"
FREEZE_AT = "QB_TEST_FREEZE_AT"
TEAR_AT = "QB_TEST_TEAR_AT"
RECORD = "record"


def tear_at(where: str) -> Steps:
    """Make a late message end the open transaction once, and return the listener that may do it.

    Args:
        where: ``servers|transactional id|commit or abort|step:times``; the step `record` is each record sent.
    """
    servers, transactional_id, end, place = where.split("|")
    reached = reached_at(place)

    def listen(step: Step) -> None:
        if reached(step):
            end_transaction(servers, transactional_id, commit=end == "commit")

    send = KafkaLedgerWriter._produce

    def send_and_tear(writer: KafkaLedgerWriter, key: bytes, value: bytes) -> None:
        send(writer, key, value)
        if reached(RECORD):
            writer._producer.flush(60)
            error = end_transaction(servers, transactional_id, commit=end == "commit")
            assert error == 0, f"Kafka refuses the late message: error {error}"

    setattr(KafkaLedgerWriter, "_produce", send_and_tear)  # noqa: B010 - mypy refuses the plain form
    return listen


def both(first: Steps, second: Steps) -> Steps:
    """Return a listener that tells two."""

    def listen(step: Step) -> None:
        first(step)
        second(step)

    return listen


if __name__ == "__main__":
    steps: Steps = ignore_step
    for variable, number in ((KILL_AT, signal.SIGKILL), (FREEZE_AT, signal.SIGSTOP)):
        if os.environ.get(variable):
            steps = both(signal_at(os.environ[variable], number), steps)
    if os.environ.get(TEAR_AT):
        steps = both(tear_at(os.environ[TEAR_AT]), steps)
    invoicer.app.run = partial(invoicer.app.run, steps=steps)
    sys.exit(main())
