"""What the facts say of one input partition. Pure: it asks nobody."""

from dataclasses import dataclass
from enum import StrEnum

from billing.subtotal import Progress
from qb.recover.facts import Facts, Names, PartitionFacts, Unreadable
from qb.recover.known_input import why_other_input


class Kind(StrEnum):
    """What is found of an input partition, by rank: of several, the last one decides what is done."""

    RIGHT = "right"
    NOT_COUNTED = "not counted yet"
    SET_OFFSET = "group's offset is wrong"
    STRAY_OFFSET = "group's offset is too much"
    COUNT_AGAIN = "count again"
    INPUT_DELETED = "records were deleted"
    OTHER_INPUT = "another input"
    OTHER_ZONE = "another time zone"
    UNREADABLE = "a record that no part wrote"
    OLDER_VERSION = "older record version"
    NEWER_VERSION = "newer record version"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found of one input partition.

    Args:
        partition: its number.
        kind: which case it is.
        sentence: what was found, for an operator.
        offset: what the group's offset is to be, if that is the remedy.
    """

    partition: int
    kind: Kind
    sentence: str
    offset: int | None = None


def judge_all(facts: Facts, names: Names) -> list[Finding]:
    """Return what is found of each input partition."""
    return [judge(one, facts, names) for one in facts.partitions]


def judge(one: PartitionFacts, facts: Facts, names: Names) -> Finding:
    """Return what is found of an input partition, the most severe first."""
    progress = one.reference
    kind, sentence = (
        _unreadable(one)
        or _never_counted(one, facts)
        or _other_zone(progress, names)
        or _input(one, progress, facts)
        or _changelog_lost(one, facts)
        or _totals_lost(one)
        or _right(one)
        or _disagreeing(one)
        or (Kind.SET_OFFSET, _wrong_offset(one, facts))
    )
    offset = progress.next_offset if progress and kind is Kind.SET_OFFSET else None
    return Finding(one.partition, kind, sentence, offset)


Judgement = tuple[Kind, str] | None


def _unreadable(one: PartitionFacts) -> Judgement:
    for where, counted in (("changelog", one.state), ("subtotals topic", one.published)):
        if isinstance(counted, Unreadable):
            kind = Kind.OLDER_VERSION if counted.is_older else Kind.NEWER_VERSION if counted.is_newer else None
            return kind or Kind.UNREADABLE, f"the progress record in the {where} cannot be read: {counted.said}"
    return None


def _never_counted(one: PartitionFacts, facts: Facts) -> Judgement:
    if one.reference is not None:
        return None
    if one.committed is None:
        begins = f"; the input begins at offset {one.log.start}" if one.log is not None and one.log.start else ""
        return Kind.NOT_COUNTED, f"nothing of it has been counted, and the group has no offset{begins}"
    others_counted = facts.has_changelog and any(other.state is not None for other in facts.partitions)
    return Kind.STRAY_OFFSET if others_counted else Kind.COUNT_AGAIN, (
        f"the group has committed offset {one.committed}, but neither the changelog nor the subtotals topic holds "
        "a progress record"
    )


def _other_zone(progress: Progress | None, names: Names) -> Judgement:
    if progress is None or progress.time_zone == names.time_zone:
        return None
    return Kind.OTHER_ZONE, f"it is counted by the months and hours of {progress.time_zone}, not {names.time_zone}"


def _input(one: PartitionFacts, progress: Progress | None, facts: Facts) -> Judgement:
    if progress is None:
        return None
    counted = f"it was counted up to offset {progress.next_offset}, but"
    if facts.topic_id is None:
        return Kind.OTHER_INPUT, f"{counted} there is no such topic now"
    if why := why_other_input(one, progress):
        return Kind.OTHER_INPUT, f"{counted} {why}"
    if one.log is not None and one.log.start > progress.next_offset:
        return Kind.INPUT_DELETED, (
            f"{counted} the input now begins at {one.log.start}: the records between were deleted before they were read"
        )
    return None


def _changelog_lost(one: PartitionFacts, facts: Facts) -> Judgement:
    if one.state is None and one.committed is None:
        return Kind.COUNT_AGAIN, (
            "only the subtotals topic holds anything of it, neither changelog nor group: they were lost, or its first "
            "commit was torn, and then a processor counts it again by itself"
        )
    if not facts.has_changelog:
        return Kind.COUNT_AGAIN, "the changelog topic does not exist"
    if one.state is None:
        return Kind.COUNT_AGAIN, "the changelog holds nothing of it: the topic was deleted, cut or made anew"
    if one.changelog_start > 0:
        return Kind.COUNT_AGAIN, f"the changelog begins at offset {one.changelog_start}: its beginning was deleted"
    return None


def _totals_lost(one: PartitionFacts) -> Judgement:
    assert isinstance(one.state, Progress)
    counted, published = one.state.next_offset, one.published
    if published is None:
        return Kind.COUNT_AGAIN, f"State counts up to offset {counted}, but the subtotals topic holds nothing of it"
    assert isinstance(published, Progress)
    if published.next_offset < counted and not one.moved_over(published.next_offset):
        return Kind.COUNT_AGAIN, (
            f"State counts up to offset {counted}, but the subtotals topic only up to {published.next_offset}: "
            "it lost records"
        )
    return None


def _right(one: PartitionFacts) -> Judgement:
    assert isinstance(one.state, Progress)
    assert isinstance(one.published, Progress)
    counted, published = one.state.next_offset, one.published.next_offset
    if not one.moved_over(counted):
        return None
    if counted != published and not one.moved_over(published):
        return Kind.RIGHT, (
            f"State and group stand at offset {counted}, the subtotals topic at {published}: the last transaction was "
            "torn, and the processor counts these records again by itself"
        )
    if counted == published and _sums(one.state) != _sums(one.published):
        return None
    return Kind.RIGHT, f"State, subtotals and group stand at offset {one.committed}"


def _disagreeing(one: PartitionFacts) -> Judgement:
    assert isinstance(one.state, Progress)
    assert isinstance(one.published, Progress)
    counted, published = one.state.next_offset, one.published.next_offset
    if counted != published:
        return Kind.COUNT_AGAIN, (
            f"State counts up to offset {counted}, the subtotals topic up to {published}, the group "
            f"{_group(one.committed)}: the changelog lost its newest records, or belongs to another deployment"
        )
    if _sums(one.state) != _sums(one.published):
        return Kind.COUNT_AGAIN, (
            f"State and the subtotals topic both count up to offset {counted}, but not to the same sums: they belong "
            "to two deployments"
        )
    return None


def _sums(progress: Progress) -> tuple[object, ...]:
    counts = progress.accepted, progress.voids, progress.replaces, progress.duplicates
    return *counts, progress.accepted_micros, progress.watermark_ms, dict(progress.rejected)


def _wrong_offset(one: PartitionFacts, facts: Facts) -> str:
    assert isinstance(one.state, Progress)
    counted = f"State and subtotals count up to offset {one.state.next_offset}, the group {_group(one.committed)}"
    if one.committed is None and facts.has_offsets:
        return f"{counted}: its first commit was torn, or its offset was deleted"
    if one.committed is None:
        return f"{counted}: the group was deleted or has expired"
    if one.committed < one.state.next_offset:
        return f"{counted}: the group was reset, or the last transaction was torn"
    return f"{counted}: the group was moved forward"


def _group(committed: int | None) -> str:
    return "has no offset" if committed is None else f"has offset {committed}"
