"""A queue of our own, to which assigned partitions forward their records: drained without a Python object each.

The records no longer pass through the consumer's own queue, and so not through `poll()` or `consume()`. These go on
serving rebalances, statistics and errors of the client, and must be called in each round. What is drained here holds
records and errors of partitions alone: no callback of Python is ever called from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from confluent_kafka import KafkaError

from billing.runtime.native.block import Integers, NativeBlock, read_error, read_messages
from billing.runtime.native.client import handle_of, native_library

# How long records that follow another are waited for: each batch costs something, whatever it holds.
GATHER_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class PartitionError:
    """An error that came in the place of a record."""

    partition: int
    offset: int
    error: KafkaError

    @property
    def ends_client(self) -> bool:
        """Whether the client does nothing any more: a member that was fenced, for one. It tells so once."""
        return bool(self.error.code() == KafkaError._FATAL)


class RecordQueue:
    """The records of the partitions of one topic that were forwarded here.

    Close it before the consumer: the consumer's `close()` waits for as long as a queue is held.

    Args:
        library: what the consumer runs on.
        handle: the consumer's handle there.
        topic: the topic.
        most: how many records one drain takes.
    """

    def __init__(self, library: Any, handle: int, topic: str, most: int) -> None:
        self._library = library
        self._handle = handle
        self._topic = topic.encode()
        self._most = most
        self._own: int | None = library.rd_kafka_queue_new(handle)
        self._forwarded: dict[int, int] = {}
        self._errors = np.empty(most, np.int64)

    @classmethod
    def of(cls, consumer: Any, client_id: str, topic: str, most: int) -> "RecordQueue | None":
        """Return a queue for a consumer of confluent-kafka, None where it cannot be had.

        Args:
            consumer: whose partitions are read.
            client_id: the `client.id` that it was made with.
            topic: the topic.
            most: how many records one drain takes.
        """
        library = native_library()
        handle = None if library is None else handle_of(consumer, library, client_id)
        return None if library is None or handle is None else cls(library, handle, topic, most)

    def forward(self, partitions: Iterable[int]) -> None:
        """Let the records of these partitions come here. Do so before they are assigned, and none is missed."""
        for partition in partitions:
            if partition not in self._forwarded:
                queue = self._library.rd_kafka_queue_get_partition(self._handle, self._topic, partition)
                self._library.rd_kafka_queue_forward(queue, self._own)
                self._forwarded[partition] = queue

    def let_go(self, partitions: Iterable[int]) -> None:
        """Hold the queues of these partitions no longer. Do so when they are revoked."""
        for partition in partitions:
            queue = self._forwarded.pop(partition, None)
            if queue is not None:
                self._library.rd_kafka_queue_forward(queue, None)
                self._library.rd_kafka_queue_destroy(queue)

    @property
    def has_partitions(self) -> bool:
        """Whether records of any partition come here."""
        return bool(self._forwarded)

    def drain(self, wait_seconds: float) -> tuple[NativeBlock, list[PartitionError]]:
        """Return the records that are waiting, and the errors among them; both empty if there are none in time.

        Those that follow the first one within :data:`GATHER_SECONDS` come with it.
        """
        pointers = np.empty(self._most, np.int64)
        count = self._take(pointers[:1], wait_seconds)
        if count and self._most > 1:
            count += self._take(pointers[1:], GATHER_SECONDS)
        columns = np.empty((6, count), np.int64)
        records, failed = read_messages(pointers, count, columns, self._errors)
        errors = [PartitionError(*read_error(self._library, int(self._errors[index]))) for index in range(failed)]
        return NativeBlock(self._library, pointers[:records], columns[:, :records]), errors

    def _take(self, pointers: Integers, wait_seconds: float) -> int:
        """Take messages until there are so many, or that time is over; return how many came."""
        place, wait_ms = pointers.ctypes.data, int(wait_seconds * 1_000)
        return max(0, int(self._library.rd_kafka_consume_batch_queue(self._own, wait_ms, place, len(pointers))))

    def close(self) -> None:
        """Let go of everything. Closing twice is allowed."""
        self.let_go(list(self._forwarded))
        if self._own is not None:
            self._library.rd_kafka_queue_destroy(self._own)
            self._own = None
