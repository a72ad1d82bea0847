"""Whether State and committed offset of an input partition belong together: checked before its first record.

State holds the offset it has counted up to, written in the transaction that committed the same offset to the group.
If the two differ, one of them was lost or changed from outside, and going on would count records twice or never.
"""

from billing.errors import OperatorError
from billing.subtotal import Progress

RUNBOOK = "docs/runbook.md#state-and-offsets"


class StateMismatchError(OperatorError):
    """State and committed offset do not belong together; the message says how they differ and where to read on."""


def check_state(partition: str, progress: Progress | None, committed_offset: int | None, has_history: bool) -> None:
    """Accept the State of an input partition or refuse it.

    Args:
        partition: topic and number, for the message.
        progress: how far its State counts, None if it is empty.
        committed_offset: the group's committed offset, None if there is none.
        has_history: whether the changelog holds committed records though the group has no offset.

    Raises:
        StateMismatchError: going on would miscount.
    """
    counted = None if progress is None else progress.next_offset
    if counted == committed_offset and not (counted is None and has_history):
        return
    if counted is None and committed_offset is None:
        fault = "the changelog holds subtotals, but the group has no committed offset"
    elif counted is None:
        fault = f"the group has committed offset {committed_offset}, but State and changelog are empty"
    elif committed_offset is None:
        fault = f"State counts up to offset {counted}, but the group has no committed offset"
    else:
        fault = f"State counts up to offset {counted}, but the group has committed offset {committed_offset}"
    raise StateMismatchError(f"{partition}: {fault}; stopped rather than miscount, see {RUNBOOK}")
