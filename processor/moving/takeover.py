"""What is known of input partitions that are taken over: up to where they are moved, and what is moved beyond that.

A transaction that somebody else ended, by a delayed EndTxn, may have left moved records that no bookmark covers. They
are found by their own word: each tells where it lay in the input.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from billing.moved_record import MOVED_HEADER, PLACE_BYTES
from billing.runtime.block_reader import BlockReader
from billing.runtime.kafka import KafkaUnavailableError
from billing.runtime.native.block import RecordBlock
from billing.runtime.partition_bounds import Bounds, PartitionBounds
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings
from billing.topics import moved_topic
from processor.moving.bookmarks import MOVING_RUNBOOK, Bookmark, decode_bookmark, decode_bookmark_key
from processor.takeover import INPUT_RUNBOOK, InputDeletedError, StateMismatchError

Answer = TypeVar("Answer")

# Longer than a transaction of an instance that died stays open.
_OPEN_SECONDS = 60.0
_PLACE = np.dtype([("partition", "<i4"), ("offset", "<i8")])
_NONE: NDArray[np.int64] = np.empty(0, np.int64)


class TakeoverHeldUpError(TimeoutError):
    """A topic could not be read to its end in time: a broker is away, or a transaction stays open."""


@dataclass(frozen=True)
class Taken:
    """An input partition that is taken over.

    Args:
        bookmark: how far it is moved.
        moved: the offsets from there on that are moved all the same, ascending.
        is_new: whether nothing was ever moved of it, so that its bookmark is still to be written.
    """

    bookmark: Bookmark
    moved: NDArray[np.int64]
    is_new: bool


class TakeoverReader:
    """Reads what is known of input partitions.

    Args:
        settings: where the broker is, and the topics.
        partitions: how many the keyed topic has.
        bounds: who asks where partitions begin and end.
    """

    def __init__(self, settings: Settings, partitions: int, bounds: PartitionBounds) -> None:
        self._settings, self._partitions, self._bounds = settings, partitions, bounds

    def keyed_ends(self) -> tuple[int, ...]:
        """Return where each keyed partition ends now.

        Raises:
            TakeoverHeldUpError: the broker does not answer.
        """
        ends = _asked(lambda: self._bounds.log_ends(self._settings.keyed_topic, range(self._partitions)))
        return tuple(ends[partition] for partition in range(self._partitions))

    def take(self, committed: Mapping[int, int | None]) -> dict[int, Taken]:
        """Return what is known of input partitions.

        Args:
            committed: by partition, the offset that the moving's group has committed, None if it has none.

        Raises:
            StateMismatchError: what is known does not belong together: going on would move records twice.
            InputDeletedError: records were deleted before they were moved.
            TakeoverHeldUpError: a topic could not be read in time.
        """
        bookmarks, ends = self._bookmarks(), self.keyed_ends()
        logs = _asked(lambda: self._bounds.logs(self._settings.input_topic, committed))
        found = {p: self._known(p, bookmarks.get(p), offset, logs[p], ends) for p, offset in committed.items()}
        moved = self._moved_beyond({p: one.bookmark for p, one in found.items() if not one.is_new}, ends)
        return {p: replace(one, moved=moved.get(p, _NONE)) for p, one in found.items()}

    def _known(
        self, partition: int, bookmark: Bookmark | None, committed: int | None, log: Bounds, ends: tuple[int, ...]
    ) -> Taken:
        name = f"{self._settings.input_topic}[{partition}]"
        if bookmark is None:
            start = first_offset(name, committed, log, self._settings)
            return Taken(Bookmark(start, ends), _NONE, is_new=True)
        check_bookmark(name, self._settings.keyed_topic, bookmark, log, ends)
        return Taken(bookmark, _NONE, is_new=False)

    def _bookmarks(self) -> dict[int, Bookmark]:
        topic = moved_topic(self._settings.keyed_topic)
        end = _asked(lambda: self._bounds.log_ends(topic, [0]))[0]
        newest: dict[bytes | None, bytes | None] = {}
        deadline = time.monotonic() + _OPEN_SECONDS
        with TopicReader(self._settings, topic, 1) as reader:
            while reader.next_offsets[0] < end:
                newest |= {record.key: record.value for record in reader.poll()}
                _refuse_after(deadline, topic)
        found = {decode_bookmark_key(key): decode_bookmark(value) for key, value in newest.items() if value is not None}
        return {partition: bookmark for (of, partition), bookmark in found.items() if of == self._settings.input_topic}

    def _moved_beyond(self, bookmarks: Mapping[int, Bookmark], ends: tuple[int, ...]) -> dict[int, NDArray[np.int64]]:
        """Return, by input partition, the offsets from its bookmark on that lie in the keyed topic."""
        if not bookmarks:
            return {}
        # Where retention has deleted records, those of a few seconds ago are not among them.
        oldest = _asked(lambda: self._bounds.starts(self._settings.keyed_topic, range(self._partitions)))
        known = [bookmark.keyed_ends for bookmark in bookmarks.values()]
        starts = {k: max(oldest[k], min(one[k] for one in known)) for k in range(self._partitions)}
        if all(starts[k] >= ends[k] for k in starts):
            return {}
        topic, natively = self._settings.keyed_topic, self._settings.native_reading
        found = Beyond(bookmarks)
        deadline = time.monotonic() + _OPEN_SECONDS
        with BlockReader(self._settings, topic, self._partitions, natively=natively, start_offsets=starts) as reader:
            while any(reader.next_offsets[k] < ends[k] for k in starts if starts[k] < ends[k]):
                with reader.lent() as block:
                    found.note(block)
                    if len(block):
                        deadline = time.monotonic() + _OPEN_SECONDS
                _refuse_after(deadline, topic)
        return found.offsets()


class Beyond:
    """Gathers the records that were moved from bookmarks on.

    Args:
        bookmarks: by input partition.
    """

    def __init__(self, bookmarks: Mapping[int, Bookmark]) -> None:
        self._bookmarks = bookmarks
        self._found: dict[int, list[NDArray[np.int64]]] = {}

    def note(self, block: RecordBlock) -> None:
        """Take in records of the keyed topic."""
        if not len(block):
            return
        values, there = block.last_headers(MOVED_HEADER, PLACE_BYTES)
        places = values[there].reshape(-1).view(_PLACE)
        for partition, bookmark in self._bookmarks.items():
            offsets = places["offset"][places["partition"] == partition].astype(np.int64)
            beyond = offsets[offsets >= bookmark.next_offset]
            if len(beyond):
                self._found.setdefault(partition, []).append(beyond)

    def offsets(self) -> dict[int, NDArray[np.int64]]:
        """Return them by input partition, ascending."""
        return {partition: np.sort(np.concatenate(found)) for partition, found in self._found.items()}


def first_offset(name: str, committed: int | None, log: Bounds, settings: Settings) -> int:
    """Return where an input partition begins of which nothing is known to be moved.

    Raises:
        StateMismatchError: something was moved: what tells how far is lost.
        InputDeletedError: records were deleted before they were moved.
    """
    if committed is not None and committed > 0:
        raise StateMismatchError(
            f"{name}: records up to offset {committed} were moved to {settings.keyed_topic}, but "
            f"{moved_topic(settings.keyed_topic)} does not say so: it was deleted or cut; stopped rather than move "
            f"them twice, see {MOVING_RUNBOOK}"
        )
    if log.start > 0 and not settings.start_from_retained:
        raise InputDeletedError(
            f"{name}: the oldest record has offset {log.start}, those before it were deleted unread; "
            f"set start_from_retained to begin there anyway, see {INPUT_RUNBOOK}"
        )
    return log.start


def check_bookmark(name: str, keyed_topic: str, bookmark: Bookmark, log: Bounds, ends: Iterable[int]) -> None:
    """Accept a bookmark that fits the topics as they are.

    Raises:
        StateMismatchError: the input or the keyed topic was made anew, or lost records.
        InputDeletedError: records were deleted before they were moved.
    """
    if bookmark.next_offset > log.end:
        raise StateMismatchError(
            f"{name}: records up to offset {bookmark.next_offset} were moved, but it ends at {log.end}: it was made "
            f"anew or lost records; stopped rather than leave records out, see {MOVING_RUNBOOK}"
        )
    if bookmark.next_offset < log.start:
        raise InputDeletedError(
            f"{name}: records up to offset {bookmark.next_offset} were moved, and those up to {log.start} were deleted "
            f"before they could be; stopped rather than undercount, see {INPUT_RUNBOOK}"
        )
    if any(known > end for known, end in zip(bookmark.keyed_ends, ends, strict=True)):
        raise StateMismatchError(
            f"{keyed_topic}: it ended further on when records of {name} were moved to it: it was made anew or lost "
            f"records; stopped rather than leave records out, see {MOVING_RUNBOOK}"
        )


def _asked(question: Callable[[], Answer]) -> Answer:
    """Return a broker's answer. Its silence passes here, so the error does not name as its cause what would not."""
    try:
        return question()
    except KafkaUnavailableError as error:
        silence = str(error)
    raise TakeoverHeldUpError(silence)


def _refuse_after(deadline: float, topic: str) -> None:
    if time.monotonic() > deadline:
        raise TakeoverHeldUpError(
            f"topic {topic} can't be read to its end: a broker is away or a transaction stays open"
        )
