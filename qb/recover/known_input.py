"""Whether the input is the one that was counted: its records tell, whatever the topic is called. Pure.

The record just below the next offset was the last one counted. So it is there, unless the log begins behind it, and its
record time lies within those of the newest commit, which the progress record holds. A log that begins exactly at the
next offset has lost this witness, but no event that could be skipped either. docs/decisions/known-input.md says what
else was thought of.
"""

from datetime import UTC, datetime

from billing.local_time import MS_PER_SECOND
from billing.subtotal import Progress
from qb.recover.facts import PartitionFacts


def why_other_input(one: PartitionFacts, progress: Progress) -> str | None:
    """Return why a partition of the input is not the one that was counted, or None if it may be."""
    last = progress.next_offset - 1
    if one.log is None:
        return "the input has no such partition now"
    if one.log.end < progress.next_offset:
        return f"the input ends at {one.log.end}"
    if one.log.start > last:
        return None
    if one.last_record_ms is None:
        return f"the input has no record at offset {last}"
    if progress.oldest_record_ms <= one.last_record_ms <= progress.newest_record_ms:
        return None
    return (
        f"the record at offset {last} is not the one that was counted: its record time is {_time(one.last_record_ms)}, "
        f"and the newest commit's records were from {_time(progress.oldest_record_ms)} to "
        f"{_time(progress.newest_record_ms)}"
    )


def _time(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / MS_PER_SECOND, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):  # a sender's stamp may be any number
        return f"{ms} ms"
