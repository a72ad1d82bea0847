"""Whether State and offsets of an input partition belong together: checked before its first record.

State holds the offset it has counted up to, written in the transaction that committed the same offset to the group;
the changelog holds State. If the three differ, one of them was lost or changed from outside, and going on would count
records twice or never, now or when State is restored the next time.
"""

from dataclasses import dataclass

from billing.errors import OperatorError
from billing.subtotal import Progress

STATE_RUNBOOK = "docs/runbook.md#state-and-offsets"
INPUT_RUNBOOK = "docs/runbook.md#input-deleted"
ZONE_RUNBOOK = "docs/runbook.md#time-zone-changed"


class StateMismatchError(OperatorError):
    """State and offsets do not belong together; the message says how they differ and where to read on."""


class ZoneChangedError(OperatorError):
    """State is counted by another zone's months and hours; the message names both and where to read on."""


class InputDeletedError(OperatorError):
    """Records were deleted before they were read; the message names the partition and where to read on."""


@dataclass(frozen=True)
class Takeover:
    """What Kafka knows of an input partition that is taken over.

    Args:
        partition: its number.
        committed_offset: the group's committed offset, None if there is none.
        oldest_offset: the offset of the oldest record still there.
        has_history: whether the changelog holds committed records.
        has_open_end: whether records of the changelog, or of the totals, belong to a transaction without an end.
    """

    partition: int
    committed_offset: int | None
    oldest_offset: int
    has_history: bool
    has_open_end: bool = False


def check_takeover(topic: str, takeover: Takeover, progress: Progress | None, start_from_retained: bool) -> None:
    """Accept the State of an input partition or refuse it.

    Args:
        topic: the input topic, for the message.
        takeover: what Kafka knows of the partition.
        progress: how far its State counts, None if it is empty.
        start_from_retained: whether a first start may begin behind records that were deleted.

    Raises:
        StateMismatchError: going on would miscount.
        InputDeletedError: a first start would leave out records that were deleted.
    """
    name = f"{topic}[{takeover.partition}]"
    if fault := _mismatch(takeover, progress):
        raise StateMismatchError(
            f"{name}: {fault}; stopped rather than miscount: `qb recover` says what to do, see {STATE_RUNBOOK}"
        )
    if takeover.committed_offset is None and takeover.oldest_offset > 0 and not start_from_retained:
        raise InputDeletedError(
            f"{name}: the oldest record has offset {takeover.oldest_offset}, those before it were deleted unread; "
            f"set start_from_retained to begin there anyway, see {INPUT_RUNBOOK}"
        )


def check_zone(topic: str, partition: int, progress: Progress | None, time_zone: str) -> None:
    """Accept the State of an input partition if its months and hours are those of the zone that is set.

    Raises:
        ZoneChangedError: they are those of another zone.
    """
    if progress is not None and progress.time_zone != time_zone:
        raise ZoneChangedError(
            f"{topic}[{partition}]: State is counted by the months and hours of {progress.time_zone}, but time_zone is "
            f"{time_zone}; set it back, or count again, see {ZONE_RUNBOOK}"
        )


def _mismatch(takeover: Takeover, progress: Progress | None) -> str | None:
    counted = None if progress is None else progress.next_offset
    committed = takeover.committed_offset
    if counted != committed:
        return f"{_state(counted)}, but the group has {_group(committed)}"
    if counted is None and takeover.has_history:
        return "the changelog holds subtotals, but the group has no committed offset"
    if counted is not None and not takeover.has_history and not takeover.has_open_end:
        return f"{_state(counted)}, but its changelog is empty"
    return None


def _state(counted: int | None) -> str:
    return "State and changelog are empty" if counted is None else f"State counts up to offset {counted}"


def _group(committed: int | None) -> str:
    return "no committed offset" if committed is None else f"committed offset {committed}"
