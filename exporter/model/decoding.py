"""What a record of the subtotals topic says, in the form in which it is kept."""

from billing.runtime.topic_reader import Record
from billing.subtotal import Progress, ProgressKey, decode_key, decode_progress, decode_sums
from billing.sums import Sums, TypeTable
from exporter.model.intake import SumsKey

# A key and its newest value; None is a tombstone.
Subtotal = tuple[SumsKey, Sums | None] | tuple[ProgressKey, Progress | None]


def decode(record: Record, types: TypeTable) -> Subtotal:
    """Return what a record says.

    Raises:
        UnknownVersionError: a newer program wrote it.
        RecordError: it is no record of a subtotal.
    """
    key = decode_key(record.key or b"")
    if isinstance(key, ProgressKey):
        return key, None if record.value is None else decode_progress(record.value)
    return key, None if record.value is None else types.pack(decode_sums(record.value))
