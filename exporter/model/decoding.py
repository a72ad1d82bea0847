"""What a record of the subtotals topic says, in the form in which it is kept."""

from billing.runtime.topic_reader import Record
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    Progress,
    ProgressKey,
    SumsKey,
    decode_key,
    decode_progress,
    decode_subtotal,
)
from billing.sums import Sums, TypeTable

# A key and its newest value; None is a tombstone, of a block that of all its hours.
Subtotal = (
    tuple[SumsKey, Sums | None] | tuple[ProgressKey, Progress | None] | tuple[CustomerMonthKey | HourBlockKey, None]
)


def decode(record: Record, types: TypeTable) -> list[Subtotal]:
    """Return what a record says.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: it is no record of a subtotal.
    """
    key = decode_key(record.key or b"")
    if isinstance(key, ProgressKey):
        return [(key, None if record.value is None else decode_progress(record.value))]
    if record.value is not None:
        return [(of, types.pack(sums)) for of, sums in decode_subtotal(key, record.value).items()]
    return [(key, None)]
