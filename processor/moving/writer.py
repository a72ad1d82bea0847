"""One transaction that moves records: from its first record to its commit."""

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Producer, TopicPartition

from billing.client_names import moving_transactional_ids
from billing.moved_record import MOVED_HEADER, InputPlace, encode_place
from billing.rejected_record import WHOLE_BYTES, carry
from billing.runtime.kafka import client_config, meet_brokers
from billing.runtime.logs import get_logger
from billing.runtime.native.block import Integers, NativeBlock, RecordBlock
from billing.runtime.native.moving import BulkMover
from billing.settings import Settings
from billing.topic_rules import LARGEST_RECORD_BYTES
from billing.topics import moved_topic
from processor.moving.bookmarks import Bookmark, bookmark_key, encode_bookmark
from processor.quix_commit import HELD_UP_SECONDS, CommitInDoubtError, leaving_after

logger = get_logger(__name__)

# The topic that says how far records are moved has one partition.
BOOKMARKS_PARTITION = 0
# How long a commit may take: longer than a cluster needs to replace a broker.
COMMIT_SECONDS = 15.0
# How long the transaction of an instance that is gone for good stays open and holds readers up.
OPEN_MS = 20_000
_INIT_SECONDS = 30.0
# A larger record is handed on by its beginning, which leaves room for the headers that it gets on its way.
_WHOLE_BYTES = WHOLE_BYTES - 65_536


def transactional_id(settings: Settings) -> str:
    """Return the name of an instance's transactions: stable, so that a restarted one fences its dead self at once."""
    return f"{moving_transactional_ids(settings)}{settings.instance}"


class MoveWriter:
    """Moves records in transactions, each of which commits as a whole or not at all.

    Step by step:

    1. The first record of a transaction is a bookmark as it stands: it changes nothing.
    2. Records are handed on, and all of it is delivered.
    3. The input's offsets join the transaction: a member that has lost its partitions is fenced by them.
    4. The bookmarks say how far records are moved now. They go to the partition of 1., so the broker refuses them if
       somebody else ended the transaction since: then what was written is not in the one that is open now.
    5. The transaction is committed.

    A writer whose commit failed or was in doubt is not used again: a new one fences its messages by `take_over`.

    Args:
        settings: where the broker is, and the topics.
        natively: whether to try to hand records on where they lie.
    """

    def __init__(self, settings: Settings, natively: bool) -> None:
        self._input, self._keyed = settings.input_topic, settings.keyed_topic
        self._bookmarks = moved_topic(settings.keyed_topic)
        self._troubles = 0
        options: dict[str, Any] = {
            **client_config(settings),
            "transactional.id": transactional_id(settings),
            "transaction.timeout.ms": OPEN_MS,
            # What is sent soon is free again soon, and still near.
            "linger.ms": 5,
            "batch.size": 200_000,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 262_144,
            "message.max.bytes": LARGEST_RECORD_BYTES,
            "compression.type": "lz4",
            # Of what was delivered the flush tells; nobody reads a report on each record.
            "delivery.report.only.error": True,
            "error_cb": self._note_trouble,
        }
        self._producer = Producer(options)
        client_id = str(options["client.id"])
        self._bulk = BulkMover.of(self._producer, client_id, self._keyed, MOVED_HEADER) if natively else None
        self.is_open = False
        """Whether a transaction has begun."""

    def take_over(self) -> None:
        """Fence whoever ran under this instance's name before, and end its transaction."""
        meet_brokers(self._producer, self._bookmarks)
        self._producer.init_transactions(_INIT_SECONDS)

    def begin(self, bookmarks: Mapping[int, Bookmark]) -> None:
        """Begin a transaction with bookmarks as they stand, by input partition, of one at least (step 1)."""
        self._producer.begin_transaction()
        self.is_open = True
        self._write(bookmarks)

    def move(self, block: RecordBlock, positions: Integers, targets: Integers) -> None:
        """Hand on the records at some positions of a block, each to its partition (step 2), in their order there."""
        # Partition by partition, for each has a queue of its own: it costs the client's thread half as much.
        positions = positions[np.argsort(targets[positions], kind="stable")]
        if isinstance(block, NativeBlock) and self._bulk is not None:
            for piece, fits in _pieces(block, positions):
                if fits:
                    self._bulk.move(block, piece, targets)
                else:
                    self._move_one_by_one(block, piece, targets)
        else:
            self._move_one_by_one(block, positions, targets)

    def commit(self, bookmarks: Mapping[int, Bookmark], member: Any) -> None:
        """Commit what was handed on (steps 2 to 5); each step is tried once, in one bounded time.

        Args:
            bookmarks: how far each input partition is moved with this transaction.
            member: the consumer's metadata of its group.

        Raises:
            CommitInDoubtError: it took too long, or a connection broke: it may be committed or not.
            KafkaException: the transaction was ended by somebody else, or it is refused.
        """
        deadline = time.monotonic() + COMMIT_SECONDS
        self._producer.poll(0)
        troubles = self._troubles

        def left() -> float:
            return max(0.0, deadline - time.monotonic())

        with leaving_after(COMMIT_SECONDS + HELD_UP_SECONDS, "a commit of moved records"):
            self._flush(left())  # 2.
            offsets = [
                TopicPartition(self._input, partition, bookmark.next_offset)
                for partition, bookmark in bookmarks.items()
            ]
            self._producer.send_offsets_to_transaction(offsets, member, left())  # 3.
            self._write(bookmarks)  # 4.
            self._flush(left())
            self._producer.commit_transaction(left())  # 5.
        self.is_open = False
        self._producer.poll(0)
        if self._troubles > troubles:
            raise CommitInDoubtError("a connection broke during a commit of moved records")

    def close(self) -> None:
        """Drop what is on its way. What is not committed is aborted by whoever takes the name over, or in time."""
        if self._bulk is not None:
            self._bulk.close()
        self._producer.purge()
        self._producer.flush(1.0)

    def _flush(self, seconds: float) -> None:
        if self._producer.flush(seconds):
            raise CommitInDoubtError("the broker does not take moved records")

    def _write(self, bookmarks: Mapping[int, Bookmark]) -> None:
        for partition, bookmark in bookmarks.items():
            key, value = bookmark_key(self._input, partition), encode_bookmark(bookmark)
            self._produce(self._bookmarks, key=key, value=value, partition=BOOKMARKS_PARTITION)

    def _move_one_by_one(self, block: RecordBlock, positions: Integers, targets: Integers) -> None:
        for index in positions.tolist():
            place = InputPlace(int(block.partitions[index]), int(block.offsets[index]))
            record = carry(block.key(index), block.value(index), block.headers(index))
            self._produce(
                self._keyed,
                key=record.key,
                value=record.value,
                partition=int(targets[index]),
                timestamp=max(0, block.timestamp_ms(index)),
                headers=[*record.headers, (MOVED_HEADER, encode_place(place))],
            )

    def _produce(self, topic: str, **record: Any) -> None:
        while True:
            try:
                self._producer.produce(topic, **record)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _note_trouble(self, error: KafkaError) -> None:
        self._troubles += 1
        logger.info("kafka producer in trouble", error=error.str())


def _pieces(block: RecordBlock, positions: Integers) -> list[tuple[Integers, bool]]:
    """Return the positions in pieces, in their order: those of records that are handed on whole, and of larger ones."""
    large = (block.value_lengths[positions] + block.key_lengths[positions]) > _WHOLE_BYTES
    if not large.any():
        return [(positions, True)]
    cuts = [0, *((large[1:] != large[:-1]).nonzero()[0] + 1).tolist(), len(positions)]
    return [(positions[start:end], not large[start]) for start, end in pairwise(cuts)]
