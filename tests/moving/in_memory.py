"""The moving and the counting without a broker: topics are lists, transactions come whole, in part, or not at all.

Who decides is the code of the processor: where records go, which are wanted, what a takeover finds, what counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from billing.event import EventRules
from billing.moved_record import MOVED_HEADER, InputPlace, encode_place
from billing.runtime.native.block import JoinedBlock, RecordBlock
from billing.runtime.partition_bounds import Bounds
from billing.runtime.topic_reader import Record
from billing.settings import Settings
from processor.moving import takeover
from processor.moving.bookmarks import Bookmark, bookmark_key, encode_bookmark
from processor.moving.placing import Placing
from processor.moving.share import Share
from processor.moving.takeover import TakeoverReader

SETTINGS = Settings(dedup_scope="topic", keyed_topic="keyed", input_topic="incoming")


@dataclass(frozen=True)
class MadeUpMessage:
    """As a Kafka client has it."""

    at: InputPlace
    payload: bytes
    source: InputPlace | None = None

    def value(self) -> bytes:
        return self.payload

    def key(self) -> None:
        return None

    def partition(self) -> int:
        return self.at.partition

    def offset(self) -> int:
        return self.at.offset

    def headers(self) -> list[tuple[str, bytes]]:
        return [] if self.source is None else [(MOVED_HEADER, encode_place(self.source))]


@dataclass
class Topics:
    """What the topics hold, committed: the input and the keyed topic by partition, and the newest bookmarks."""

    input: list[list[bytes]]
    keyed: list[list[tuple[bytes, InputPlace]]]
    bookmarks: dict[int, Bookmark] = field(default_factory=dict)

    def send(self, partition: int, payload: bytes) -> None:
        """Send a record to a partition of the input."""
        self.input[partition % len(self.input)].append(payload)

    def keyed_ends(self) -> tuple[int, ...]:
        """Where each keyed partition ends."""
        return tuple(len(records) for records in self.keyed)

    def keyed_block(self, starts: Mapping[int, int]) -> RecordBlock:
        """The records of the keyed topic from offsets on."""
        return JoinedBlock(
            [
                _message(MadeUpMessage(InputPlace(partition, offset), payload, place))
                for partition, records in enumerate(self.keyed)
                for offset, (payload, place) in enumerate(records)
                if offset >= starts[partition]
            ]
        )

    # What a takeover asks of :class:`billing.runtime.partition_bounds.PartitionBounds`.

    def log_ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        ends = self.keyed_ends() if topic == SETTINGS.keyed_topic else (len(self.bookmarks),)
        return {partition: ends[partition] for partition in partitions}

    def starts(self, _: str, partitions: Iterable[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, 0)

    def logs(self, _: str, partitions: Iterable[int]) -> dict[int, Bounds]:
        return {partition: Bounds(0, len(self.input[partition])) for partition in partitions}


def _message(one: MadeUpMessage) -> Any:
    return one


class Member:
    """One who moves the records of some input partitions.

    Args:
        topics: from where, and to where.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._placing = Placing(EventRules(), len(topics.keyed))
        self._share, self._ends = Share(), topics.keyed_ends()

    def own(self, partitions: Iterable[int]) -> None:
        """Take input partitions over, and own no others."""
        self._share = Share()
        committed = {p: one.next_offset if (one := self._topics.bookmarks.get(p)) else None for p in partitions}
        if not committed:
            return
        bounds: Any = self._topics
        taken = TakeoverReader(SETTINGS, len(self._topics.keyed), bounds).take(committed)
        self._topics.bookmarks |= {partition: one.bookmark for partition, one in taken.items() if one.is_new}
        for partition, found in taken.items():
            self._share.take_over(partition, found)

    def move(self, most: int, asks_ends: bool, hands_on: int | None = None) -> None:
        """Move so many records of each partition in one transaction.

        Args:
            most: of each partition.
            asks_ends: whether it asks where the keyed partitions end; else it takes those of before.
            hands_on: None to commit; else somebody else's late word commits so many records and nothing more, or
                aborts them if it is 0. The member owns nothing any more.
        """
        if asks_ends:
            self._ends = self._topics.keyed_ends()
        messages = [
            _message(MadeUpMessage(InputPlace(partition, offset), self._topics.input[partition][offset]))
            for partition, start in self._share.next_offsets().items()
            for offset in range(start, min(start + most, len(self._topics.input[partition])))
        ]
        if not messages:
            return
        block = JoinedBlock(messages)
        positions, targets = self._share.wanted(block), self._placing.targets(block)
        for index in positions.tolist()[:hands_on]:
            place = InputPlace(int(block.partitions[index]), int(block.offsets[index]))
            self._topics.keyed[int(targets[index])].append((block.value(index) or b"", place))
        if hands_on is not None:
            self._share = Share()
            return
        self._share.advance(block)
        bookmarks = self._share.bookmarks(self._ends)
        self._topics.bookmarks |= bookmarks
        self._share.note_committed(bookmarks)


@contextmanager
def readers_of(topics: Topics) -> Iterator[None]:
    """Let a takeover read these topics instead of a broker's."""

    class Bookmarks:
        next_offsets: Mapping[int, int] = {0: 0}

        def __init__(self, *_: object) -> None:
            pass

        def __enter__(self) -> "Bookmarks":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def poll(self) -> Sequence[Record]:
            self.next_offsets = {0: len(topics.bookmarks)}
            return [
                Record(0, number, bookmark_key(SETTINGS.input_topic, partition), encode_bookmark(one), 0)
                for number, (partition, one) in enumerate(topics.bookmarks.items())
            ]

    class Keyed:
        def __init__(self, *_: object, start_offsets: Mapping[int, int], natively: bool) -> None:
            self.next_offsets = dict(start_offsets)

        def __enter__(self) -> "Keyed":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        @contextmanager
        def lent(self) -> Iterator[RecordBlock]:
            block = topics.keyed_block(self.next_offsets)
            self.next_offsets = dict(enumerate(topics.keyed_ends()))
            yield block

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(takeover, "TopicReader", Bookmarks)
        patch.setattr(takeover, "BlockReader", Keyed)
        yield
