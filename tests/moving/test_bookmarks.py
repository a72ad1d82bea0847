"""What is known at a takeover: bookmarks that fit, those that do not, and what a torn transaction has moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from billing.runtime.native.block import RecordBlock
from billing.runtime.partition_bounds import Bounds
from billing.settings import Settings
from processor.moving.bookmarks import (
    Bookmark,
    MovedRecordError,
    bookmark_key,
    decode_bookmark,
    decode_bookmark_key,
    encode_bookmark,
)
from processor.moving.share import IDLE_COMMITS, Share
from processor.moving.takeover import Taken, check_bookmark, first_offset
from processor.takeover import InputDeletedError, StateMismatchError

ENDS = (10, 20)
OFFSETS = st.integers(0, 2**62)


def block_of(places: list[tuple[int, int]]) -> RecordBlock:
    """Records of which only partitions and offsets matter."""
    found: NDArray[np.int64] = np.full((6, len(places)), -1, np.int64)
    found[0], found[1] = np.array(places, np.int64).reshape(-1, 2).T
    return RecordBlock(found)


def taken(next_offset: int, moved: list[int] | None = None) -> Taken:
    return Taken(Bookmark(next_offset, ENDS), np.array(moved or [], np.int64), is_new=False)


@given(OFFSETS, st.lists(OFFSETS, max_size=256))
def test_a_bookmark_is_read_as_it_was_written(next_offset: int, ends: list[int]) -> None:
    """Whatever the numbers."""
    bookmark = Bookmark(next_offset, tuple(ends))
    assert decode_bookmark(encode_bookmark(bookmark)) == bookmark


@given(st.text("abc.-_|", min_size=1), st.integers(0, 10_000))
def test_a_key_is_read_as_it_was_written(topic: str, partition: int) -> None:
    """Whatever the topic is called."""
    assert decode_bookmark_key(bookmark_key(topic, partition)) == (topic, partition)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"1", b"{}", b'{"v":1}', b'{"v":2,"next":1,"ends":[]}'])
def test_what_is_no_bookmark_is_said_to_be_none(value: bytes) -> None:
    """One of a newer version, too: nobody guesses."""
    with pytest.raises(MovedRecordError, match=r"docs/runbook.md#moving"):
        decode_bookmark(value)


@pytest.mark.parametrize("key", [None, b"", b"topic", b"topic|x", b"|1"])
def test_what_is_no_key_is_said_to_be_none(key: bytes | None) -> None:
    """A record that somebody else wrote there."""
    with pytest.raises(MovedRecordError):
        decode_bookmark_key(key)


@pytest.mark.parametrize(
    ("next_offset", "log", "ends", "error"),
    [
        (5, Bounds(0, 9), ENDS, None),
        (9, Bounds(0, 9), (10, 21), None),
        (3, Bounds(3, 9), ENDS, None),
        (10, Bounds(0, 9), ENDS, StateMismatchError),
        (2, Bounds(3, 9), ENDS, InputDeletedError),
        (5, Bounds(0, 9), (10, 19), StateMismatchError),
        (5, Bounds(0, 9), (0, 0), StateMismatchError),
    ],
)
def test_a_bookmark_must_fit_the_topics(
    next_offset: int, log: Bounds, ends: tuple[int, ...], error: type[Exception] | None
) -> None:
    """Neither the input nor the keyed topic may end before what it says, nor begin behind."""
    if error is None:
        check_bookmark("input[0]", "keyed", Bookmark(next_offset, ENDS), log, ends)
    else:
        with pytest.raises(error, match=r"docs/runbook.md#"):
            check_bookmark("input[0]", "keyed", Bookmark(next_offset, ENDS), log, ends)


@pytest.mark.parametrize(
    ("committed", "start", "retained", "error"),
    [
        (None, 0, False, None),
        (0, 0, False, None),
        (7, 0, False, StateMismatchError),
        (None, 3, False, InputDeletedError),
        (None, 3, True, None),
    ],
)
def test_a_partition_without_a_bookmark_begins_at_its_beginning(
    committed: int | None, start: int, retained: bool, error: type[Exception] | None
) -> None:
    """Unless the group says that records were moved, or some were deleted before."""
    settings = Settings(start_from_retained=retained)
    if error is None:
        assert first_offset("input[0]", committed, Bounds(start, 9), settings) == start
    else:
        with pytest.raises(error, match=r"docs/runbook.md#"):
            first_offset("input[0]", committed, Bounds(start, 9), settings)


def test_each_record_is_wanted_once() -> None:
    """Not those of others, nor those before a bookmark, nor those that a torn transaction has moved, nor twice."""
    share = Share()
    share.take_over(3, taken(5, moved=[6, 8]))
    share.take_over(1, taken(0))
    block = block_of([(3, 4), (3, 5), (1, 0), (3, 6), (0, 0), (3, 7), (3, 8), (3, 9), (2, 9), (1, 1)])
    assert share.wanted(block).tolist() == [1, 2, 5, 7, 9]
    share.advance(block)
    assert share.next_offsets() == {3: 10, 1: 2}
    assert share.wanted(block).tolist() == []
    share.drop([3, 7])
    assert share.wanted(block_of([(3, 10), (1, 2)])).tolist() == [1]


def test_bookmarks_keep_older_ends_while_records_ahead_are_moved_already() -> None:
    """From newer ends on nobody would find them; once they are behind, newer ends are right."""
    share = Share()
    share.take_over(0, taken(5, moved=[8]))
    share.advance(block_of([(0, 5), (0, 6)]))
    assert share.bookmarks((30, 30)) == {0: Bookmark(7, ENDS)}
    share.advance(block_of([(0, 8)]))
    assert share.bookmarks((30, 30)) == {0: Bookmark(9, (30, 30))}


def test_a_partition_that_nothing_comes_from_gets_newer_ends_now_and_then() -> None:
    """So that not much is to be read again when it is taken over."""
    share = Share()
    share.take_over(0, taken(5))
    share.take_over(1, taken(5))
    written = []
    for number in range(IDLE_COMMITS + 1):
        share.advance(block_of([(0, 5 + number)]))
        bookmarks = share.bookmarks((30 + number, 30))
        share.note_committed(bookmarks)
        written.append(set(bookmarks))
    assert written == [{0}] * IDLE_COMMITS + [{0, 1}]
    assert share.bookmark(1) == Bookmark(5, (30 + IDLE_COMMITS, 30))
