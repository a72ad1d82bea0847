"""The input partitions that one instance moves: where each goes on, what is moved beyond, and the bookmarks of all."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.block import Integers, RecordBlock
from processor.moving.bookmarks import Bookmark
from processor.moving.takeover import Taken

# The bookmark of a partition that nothing comes from is renewed once so many commits have passed.
IDLE_COMMITS = 40


# Where a partition goes on that is not owned: behind all offsets.
_NOWHERE = 2**62


class _Partition:
    """What is known of an input partition that is owned, besides where it goes on."""

    def __init__(self, taken: Taken) -> None:
        self.committed = taken.bookmark
        self.moved: NDArray[np.int64] = taken.moved
        self.commits = 0

    def reach(self, next_offset: int) -> None:
        """Note where it goes on: what is moved already may be behind that by now."""
        if len(self.moved) and self.moved[-1] < next_offset:
            self.moved = self.moved[:0]

    def note_commit(self, bookmark: Bookmark | None) -> None:
        """Note a commit, and the bookmark of this partition if it has written one."""
        self.commits += 1
        if bookmark is not None:
            self.committed, self.commits = bookmark, 0


class Share:
    """The partitions that are owned now."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}
        self._next: NDArray[np.int64] = np.empty(0, np.int64)

    def take_over(self, partition: int, taken: Taken) -> None:
        """Own a partition; it goes on from its bookmark."""
        self._make_room(partition + 1)
        self._next[partition] = taken.bookmark.next_offset
        self._partitions[partition] = _Partition(taken)

    def drop(self, partitions: Iterable[int]) -> None:
        """Own these no longer."""
        for partition in partitions:
            if self._partitions.pop(partition, None) is not None:
                self._next[partition] = _NOWHERE

    def next_offsets(self) -> dict[int, int]:
        """Return where each partition goes on."""
        return {partition: int(self._next[partition]) for partition in list(self._partitions)}

    def bookmark(self, partition: int) -> Bookmark:
        """Return the bookmark of a partition as it was committed last."""
        return self._partitions[partition].committed

    def wanted(self, block: RecordBlock) -> Integers:
        """Return the positions of the records that are to be moved: of owned partitions, and not moved yet."""
        keep = block.offsets >= self._next_of(block)
        for partition, one in self._partitions.items():
            if len(one.moved):
                keep &= ~((block.partitions == partition) & np.isin(block.offsets, one.moved))
        return np.flatnonzero(keep)

    def advance(self, block: RecordBlock) -> None:
        """Note that a block was dealt with."""
        owned = self._next_of(block) < _NOWHERE
        np.maximum.at(self._next, block.partitions[owned], block.offsets[owned] + 1)
        for partition, one in self._partitions.items():
            one.reach(int(self._next[partition]))

    def bookmarks(self, keyed_ends: tuple[int, ...]) -> dict[int, Bookmark]:
        """Return the bookmarks that a commit writes: of partitions that went on, and sometimes of the idle ones.

        While records lie ahead of a partition that a torn transaction has moved, its bookmark keeps the older ends.

        Args:
            keyed_ends: where the keyed partitions ended before the transaction began.
        """
        return {
            partition: Bookmark(next_offset, one.committed.keyed_ends if len(one.moved) else keyed_ends)
            for partition, one in self._partitions.items()
            if (next_offset := int(self._next[partition])) != one.committed.next_offset or one.commits >= IDLE_COMMITS
        }

    def note_committed(self, bookmarks: Mapping[int, Bookmark]) -> None:
        """Take in that a commit is done."""
        for partition, one in self._partitions.items():
            one.note_commit(bookmarks.get(partition))

    def _next_of(self, block: RecordBlock) -> NDArray[np.int64]:
        """Return of each record where its partition goes on."""
        self._make_room(int(block.partitions.max(initial=0)) + 1)
        found: NDArray[np.int64] = self._next[block.partitions]
        return found

    def _make_room(self, partitions: int) -> None:
        if partitions > len(self._next):
            self._next = np.pad(self._next, (0, partitions - len(self._next)), constant_values=_NOWHERE)
