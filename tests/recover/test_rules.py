"""What is found of one input partition, by what there is: a table of made-up facts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.runtime.partition_bounds import Bounds
from qb.recover.facts import PartitionFacts
from qb.recover.rules import Kind, judge
from tests.recover.made_up import NAMES, NEWER, OLDER, STRANGE, counted, facts, partition

CASES = [
    # Belonging together, at rest and while a processor counts.
    ("at rest", partition(), Kind.RIGHT, "stand at offset 70"),
    ("counting", partition(committed_before=50, committed=90), Kind.RIGHT, "stand at"),
    ("counting on", partition(committed_before=50, committed=90, published=counted(80)), Kind.RIGHT, "stand at"),
    ("its first commit while looking", partition(committed_before=None, committed=70), Kind.RIGHT, ""),
    ("all read and no more", partition(log=Bounds(0, 70)), Kind.RIGHT, ""),
    ("what was counted is deleted", partition(log=Bounds(70, 100), last_record_ms=None), Kind.RIGHT, ""),
    ("torn amid the records", partition(published=counted(80)), Kind.RIGHT, "was torn"),
    ("never counted", PartitionFacts(0, log=Bounds(0, 9)), Kind.NOT_COUNTED, "nothing of it has been counted"),
    # The group.
    ("group deleted", partition(committed=None, committed_before=None), Kind.SET_OFFSET, "was deleted or has expired"),
    ("group reset", partition(committed=1, committed_before=1), Kind.SET_OFFSET, "was reset, or the last transaction"),
    ("group to earliest", partition(committed=0, committed_before=0), Kind.SET_OFFSET, "was reset"),
    ("group to latest", partition(committed=100, committed_before=100), Kind.SET_OFFSET, "was moved forward"),
    # The changelog.
    ("changelog deleted", partition(state=None), Kind.COUNT_AGAIN, "the changelog holds nothing of it"),
    ("changelog cut at its beginning", partition(changelog_start=5), Kind.COUNT_AGAIN, "begins at offset 5"),
    ("changelog cut at its end", partition(state=counted(60), committed=70), Kind.COUNT_AGAIN, "lost its newest"),
    ("group alone is left", partition(state=None, published=None), Kind.COUNT_AGAIN, "neither the changelog nor"),
    ("totals alone are left", partition(state=None, committed=None), Kind.COUNT_AGAIN, "only the subtotals topic"),
    # The published totals.
    ("totals deleted", partition(published=None), Kind.COUNT_AGAIN, "the subtotals topic holds nothing of it"),
    ("totals of before", partition(published=counted(60)), Kind.COUNT_AGAIN, "it lost records"),
    ("totals of another", partition(published=counted(70, accepted=3)), Kind.COUNT_AGAIN, "two deployments"),
    ("voids of another", partition(published=counted(70, voids=1)), Kind.COUNT_AGAIN, "two deployments"),
    ("duplicates of another", partition(published=counted(70, duplicates=1)), Kind.COUNT_AGAIN, "two deployments"),
    ("torn, then deleted", partition(published=counted(80), committed=None), Kind.COUNT_AGAIN, "lost its newest"),
    # The input.
    ("fewer records", partition(log=Bounds(0, 69), last_record_ms=None), Kind.OTHER_INPUT, "ends at 69"),
    ("more, later records", partition(last_record_ms=6_001), Kind.OTHER_INPUT, "1970-01-01T00:00:06.001+00:00"),
    ("more, older records", partition(last_record_ms=4_999), Kind.OTHER_INPUT, "is not the one that was counted"),
    ("a made-up time", partition(last_record_ms=2**63 - 1), Kind.OTHER_INPUT, f"time is {2**63 - 1} ms"),
    ("a marker in its place", partition(last_record_ms=None), Kind.OTHER_INPUT, "no record at offset 69"),
    ("no such partition", partition(log=None), Kind.OTHER_INPUT, "no such partition"),
    ("other input, changelog gone", partition(state=None, last_record_ms=9_000), Kind.OTHER_INPUT, ""),
    ("deleted unread", partition(log=Bounds(71, 100)), Kind.INPUT_DELETED, "now begins at 71"),
    # What is counted differently, or by other programs.
    ("another zone", partition(state=counted(70, time_zone="Asia/Tokyo")), Kind.OTHER_ZONE, "of Asia/Tokyo, not UTC"),
    ("older State", partition(state=OLDER), Kind.OLDER_VERSION, "in the changelog cannot be read: version 2"),
    ("older totals", partition(published=OLDER), Kind.OLDER_VERSION, "in the subtotals topic"),
    ("newer State", partition(state=NEWER), Kind.NEWER_VERSION, "newer than 3"),
    ("what no processor wrote", partition(published=STRANGE), Kind.UNREADABLE, "not a versioned JSON object"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "kind", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_found_of_a_partition(one: PartitionFacts, kind: Kind, said: str) -> None:
    """Each case has its kind, a sentence that says why, and an offset only where that is the remedy."""
    found = judge(one, facts(one), NAMES)
    assert (found.kind, found.partition) == (kind, 0)
    assert said in found.sentence
    assert found.offset == (70 if kind is Kind.SET_OFFSET else None)


def test_the_last_of_several_offsets_may_belong_to_a_torn_first_commit() -> None:
    """Where the group has offsets of others, one that is missing was deleted alone, or its first commit was torn."""
    lone = partition(committed=None)
    found = judge(lone, facts(lone, partition()), NAMES)
    assert found.kind is Kind.SET_OFFSET
    assert "its first commit was torn, or its offset was deleted" in found.sentence


def test_an_offset_of_a_partition_that_nobody_counted_is_too_much() -> None:
    """A reset of all partitions gives one also to those that never had a record."""
    stray = PartitionFacts(0, log=Bounds(0, 0), committed=0, committed_before=0)
    assert judge(stray, facts(stray, partition()), NAMES).kind is Kind.STRAY_OFFSET


def test_a_missing_changelog_and_a_missing_input_are_told() -> None:
    """Both are named as what they are."""
    one = partition(state=None)
    assert "topic does not exist" in judge(one, facts(one, has_changelog=False), NAMES).sentence
    assert judge(one, facts(one, topic_id=None), NAMES).kind is Kind.OTHER_INPUT


OFFSETS = st.integers(0, 120)


@given(
    start=OFFSETS,
    end=OFFSETS,
    committed=st.none() | OFFSETS,
    state=OFFSETS,
    published=OFFSETS,
    last_ms=st.none() | st.integers(4_000, 7_000),
)
def test_an_offset_is_set_only_where_no_event_is_skipped(
    start: int, end: int, committed: int | None, state: int, published: int, last_ms: int | None
) -> None:
    """Only to where State and totals count, and only if the record before it was counted or nothing is before it."""
    one = partition(
        log=Bounds(start, end),
        committed=committed,
        committed_before=committed,
        state=counted(state),
        published=counted(published),
        last_record_ms=last_ms,
    )
    found = judge(one, facts(one), NAMES)
    if found.offset is not None:
        assert found.offset == state == published != committed
        assert start <= found.offset <= end
        assert start == found.offset or (last_ms is not None and 5_000 <= last_ms <= 6_000)
