"""What a record of `billing.subtotals` means for the use of budgets."""

from billing import subtotal
from billing.errors import OperatorError
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, RecordError
from budgets.usage import Usage


def read_subtotal(usage: Usage, key: bytes | None, value: bytes | None, time_zone: str) -> Progress | None:
    """Take a record in, and return the progress record if it is one: with it, a commit is whole.

    Raises:
        OperatorError: the input partition is counted by the months of another zone than `time_zone`.
        RecordError: it is none, or of another version.
    """
    if key is None:
        raise RecordError("a record of the subtotals without a key")
    if key.startswith(b"hours|"):
        return None
    match subtotal.decode_key(key):
        case CustomerMonthKey() as of:
            usage.stage(of, subtotal.decode_sums(value) if value else {})
        case ProgressKey(partition):
            progress = subtotal.decode_progress(value) if value else Progress(time_zone=time_zone)
            if progress.next_offset and progress.time_zone != time_zone:
                raise OperatorError(
                    f"input partition {partition} is counted by the months of {progress.time_zone}, but time_zone is"
                    f" {time_zone}; no budget is decided while it is there: set it back, or count again, see"
                    " docs/runbook.md#time-zone-changed"
                )
            usage.finish_commit(partition, progress)
            return progress
    return None
