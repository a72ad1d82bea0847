"""What a record of the subtotals topic says, in the form in which it is kept."""

from collections.abc import Mapping

from billing.runtime.topic_reader import Record
from billing.subtotal import (
    CustomerMonthKey,
    HourBlockKey,
    Progress,
    ProgressKey,
    decode_hours,
    decode_key,
    decode_progress,
    decode_sums,
)
from billing.sums import Sums, TypeTable

# The sums of hours by their starts in milliseconds.
Hours = Mapping[int, Sums]
# A key and its newest value; None is a tombstone, of a block that of all its hours.
Subtotal = (
    tuple[CustomerMonthKey, Sums | None] | tuple[HourBlockKey, Hours | None] | tuple[ProgressKey, Progress | None]
)


def decode(record: Record, types: TypeTable) -> Subtotal:
    """Return what a record says.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: it is no record of a subtotal.
    """
    key, value = decode_key(record.key or b""), record.value
    if isinstance(key, ProgressKey):
        return key, None if value is None else decode_progress(value)
    if isinstance(key, HourBlockKey):
        return key, None if value is None else _hours(key, value, types)
    return key, None if value is None else types.pack(decode_sums(value))


def _hours(key: HourBlockKey, value: bytes, types: TypeTable) -> Hours:
    return {key.hour(second).hour_start_ms: types.pack(sums) for second, sums in decode_hours(value).items()}
