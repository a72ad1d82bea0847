"""Takes records from a consumer, natively where that can be had, through Python's messages otherwise."""

from collections.abc import Iterable
from typing import Any, Protocol

from confluent_kafka import Message

from billing.runtime.logs import get_logger
from billing.runtime.native.block import JoinedBlock, RecordBlock
from billing.runtime.native.queue import GATHER_SECONDS, PartitionError, RecordQueue

logger = get_logger(__name__)


class StrayRecordError(Exception):
    """A record came through the client's own queue: read again from where each partition stands."""


class Polled(Protocol):
    """What a source needs of a consumer."""

    def poll(self, timeout: float) -> Message | None:
        """Serve the client, and return what came through its own queue."""
        ...

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        """Return the messages that are waiting."""
        ...


class RecordSource(Protocol):
    """Where the records of a consumer's partitions are taken from."""

    is_native: bool

    def forward(self, partitions: Iterable[int]) -> None:
        """Take the records of these partitions. Say so before they are assigned."""
        ...

    def let_go(self, partitions: Iterable[int]) -> None:
        """Take no records of these partitions any more. Say so when they are revoked."""
        ...

    def take(self, wait_seconds: float) -> tuple[RecordBlock, list[PartitionError]]:
        """Serve the client; return the records that are waiting and the errors among them, after so long at most.

        Raises:
            StrayRecordError: a record came where none may come.
        """
        ...

    def close(self) -> None:
        """Let go of everything. Do so before the consumer is closed."""
        ...


def record_source(polled: Polled, client: Any, client_id: str, topic: str, most: int, natively: bool) -> RecordSource:
    """Return where to take records from.

    Args:
        polled: serves the client.
        client: the consumer of confluent-kafka.
        client_id: the `client.id` that it was made with.
        topic: the topic that is read.
        most: how many records are taken at once.
        natively: whether to try to read them where they lie.
    """
    queue = RecordQueue.of(client, client_id, topic, most) if natively else None
    if queue is None:
        logger.warning("records are read through Python, which is slower", topic=topic, wanted=natively)
        return JoinedSource(polled, most)
    return NativeSource(polled, queue)


class NativeSource:
    """Takes records from a queue of our own.

    Args:
        polled: serves the client.
        queue: where the records of the partitions are forwarded to.
    """

    is_native = True

    def __init__(self, polled: Polled, queue: RecordQueue) -> None:
        self._polled = polled
        self._queue = queue

    def forward(self, partitions: Iterable[int]) -> None:
        """Take the records of these partitions. Say so before they are assigned."""
        self._queue.forward(partitions)

    def let_go(self, partitions: Iterable[int]) -> None:
        """Take no records of these partitions any more. Say so when they are revoked."""
        self._queue.let_go(partitions)

    def take(self, wait_seconds: float) -> tuple[RecordBlock, list[PartitionError]]:
        """Serve the client; return the records that are waiting and the errors among them, after so long at most.

        Raises:
            StrayRecordError: a record came through the client's own queue.
        """
        has_partitions = self._queue.has_partitions
        # Who has none waits for the group to share them out: that does not come through the queue.
        message = self._polled.poll(0 if has_partitions else wait_seconds)
        if message is not None and message.error() is None:
            raise StrayRecordError(f"partition {message.partition()}, offset {message.offset()}")
        told = [] if message is None else [_error_of(message)]
        if not has_partitions:
            return JoinedBlock([]), told
        block, errors = self._queue.drain(wait_seconds)
        return block, [*told, *errors]

    def close(self) -> None:
        """Let go of everything. Do so before the consumer is closed."""
        self._queue.close()


class JoinedSource:
    """Takes Python's messages, and joins what they hold.

    Args:
        polled: gives them.
        most: how many are taken at once.
    """

    is_native = False

    def __init__(self, polled: Polled, most: int) -> None:
        self._polled = polled
        self._most = most

    def forward(self, partitions: Iterable[int]) -> None:
        """Nothing is to be done: the client gives the records of all."""

    def let_go(self, partitions: Iterable[int]) -> None:
        """Nothing is to be done."""

    def take(self, wait_seconds: float) -> tuple[RecordBlock, list[PartitionError]]:
        """Serve the client; return the records that are waiting and the errors among them, after so long at most."""
        messages = self._polled.consume(1, wait_seconds)
        if messages:
            messages += self._polled.consume(self._most - 1, GATHER_SECONDS)
        records = [message for message in messages if message.error() is None]
        errors = [_error_of(message) for message in messages if message.error() is not None]
        return JoinedBlock(records), errors

    def close(self) -> None:
        """Nothing is to be done."""


def _error_of(message: Message) -> PartitionError:
    partition, error = message.partition(), message.error()
    assert error is not None
    return PartitionError(-1 if partition is None else partition, message.offset() or 0, error)
