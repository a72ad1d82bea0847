"""When a month is due: a pure rule over what is known of each input partition and the time."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum


class DueState(Enum):
    """Whether a month can be closed."""

    OPEN = "open"
    """Its time has not come: neither events nor the clock are past its end plus grace."""

    HELD_UP = "held up"
    """Its time has come, and some input partitions may still hold events of it."""

    DUE = "due"
    """Its time has come for every input partition."""


@dataclass(frozen=True, slots=True)
class ClosingRule:
    """How long a month stays open after its end, all in milliseconds.

    Args:
        out_of_orderness_ms: how far behind the highest event time of its partition an event is in time.
        grace_ms: how long after its end a month waits for late events.
        idle_after_ms: how long, by the wall clock, a partition must have brought nothing to bill to be idle.
    """

    out_of_orderness_ms: int
    grace_ms: int
    idle_after_ms: int


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What is known of one input partition.

    Args:
        partition: which one.
        highest_event_ms: the highest event time billed, in milliseconds; -1 before the first.
        read_to_end: whether all that it held at the last look or this one has been counted.
        silent_ms: how long ago, by the wall clock, an event of it was billed for the last time.
        is_moved: whether its records are not counted where they are but moved first, and read means moved.
    """

    partition: int
    highest_event_ms: int
    read_to_end: bool
    silent_ms: int
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a month can be closed, and what holds it up if anything does.

    Args:
        state: whether it can.
        held_up_by: the partitions of which not all is counted.
        unmoved: the input partitions of which not all is moved to where it is counted.
    """

    state: DueState
    held_up_by: tuple[int, ...] = ()
    unmoved: tuple[int, ...] = ()


def decide(month_end_ms: int, partitions: Collection[PartitionState], now_ms: int, rule: ClosingRule) -> Decision:
    """Say whether a month is due.

    A partition has passed the month once its highest event time, less `out_of_orderness_ms`, has reached the month's
    end plus grace. It is idle if it is read to its end and has been silent for `idle_after_ms`. A month is due when
    each partition has passed it or is idle, and at least one has passed it or the clock has reached the month's end
    plus grace.

    Args:
        month_end_ms: the end of the month, exclusive, in milliseconds.
        partitions: all input partitions.
        now_ms: what the clock of the deployment shows, in milliseconds.
        rule: how long to wait.
    """
    closes_ms = month_end_ms + rule.grace_ms
    left = [p for p in partitions if p.highest_event_ms - rule.out_of_orderness_ms < closes_ms]
    if len(left) == len(partitions) and now_ms < closes_ms:
        return Decision(DueState.OPEN)
    busy = [p for p in left if not _is_idle(p, rule)]
    if busy:
        return Decision(DueState.HELD_UP, _numbers(busy, is_moved=False), _numbers(busy, is_moved=True))
    return Decision(DueState.DUE)


def _numbers(partitions: Collection[PartitionState], is_moved: bool) -> tuple[int, ...]:
    return tuple(sorted(one.partition for one in partitions if one.is_moved is is_moved))


def _is_idle(partition: PartitionState, rule: ClosingRule) -> bool:
    return partition.read_to_end and partition.silent_ms >= rule.idle_after_ms
