"""The steps at which closing a month can be cut short: whoever wants to be there when one is reached, is told."""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """A point in the closing of a month, in the order in which they are reached."""

    CLOSE_STARTED = "close_started"
    """The month is due; nothing is written."""

    TRANSACTION_BEGUN = "transaction_begun"
    """A transaction is open, without a record in it."""

    RECORDS_SENT = "records_sent"
    """Its records are with the broker; it is not committed."""

    COMMITTED = "committed"
    """It is committed; the program has not taken note of it yet."""

    CHUNK_ISSUED = "chunk_issued"
    """The chunk is in the accounts."""

    ALL_ISSUED = "all_issued"
    """All invoices are issued; the month close is not written."""

    CLOSED = "closed"
    """The month close is committed; there are no files."""

    FILES_BEGUN = "files_begun"
    """The temporary folder is there, and empty."""

    FILES_WRITTEN = "files_written"
    """All files are complete under the temporary name."""

    FILES_RENAMED = "files_renamed"
    """The files have their final name."""


Steps = Callable[[Step], None]


def ignore_step(_step: Step) -> None:
    """Do nothing: for those who need not be told."""


def ask_before_writing(steps: Steps, may_write: Callable[[], None]) -> Steps:
    """Return what tells `steps` and asks before a month is begun and before each transaction is ended.

    Args:
        steps: told of each step.
        may_write: raises what forbids to write.
    """

    def tell(step: Step) -> None:
        if step in (Step.CLOSE_STARTED, Step.RECORDS_SENT):
            may_write()
        steps(step)

    return tell
