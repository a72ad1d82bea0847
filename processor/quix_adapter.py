"""Runs a batch worker inside a Quix Streams application, exactly-once. The only module that knows Quix's internals.

Quix hands one message at a time through Python. Four subclasses change that and nothing else; Quix keeps doing the
assignment, State, changelogs, recovery and the transactions:

* :class:`BatchingConsumer` takes what is waiting in one call and gives one Row per input partition, whose offset is
  the last one of the batch.
* :class:`BatchingContext` calls the worker before each commit, inside the open transaction, so that what the worker
  writes and produces is atomic with the offsets.
* :class:`DirectProducer` hands records to the client without a look for delivery reports after each.
* :class:`BatchingApplication` wires the two in, starts partitions without a committed offset at their beginning,
  and shows each partition's State and committed offset to the worker before its first batch.

Right under rebalance: Quix commits what was handed over before partitions go, and a batch that a rebalance
interrupted is dropped and read again from the offset the group holds.

Written against quixstreams 3.28.1, which pyproject.toml pins.
"""

import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from itertools import groupby
from threading import Timer
from typing import Any, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from billing.runtime.logs import get_logger
from billing.runtime.partition_bounds import Bounds, find_records_with
from processor.book import Store
from processor.takeover import Takeover

# Quix imports the HTTP client of its cloud, which insists on showing a warning of its own future.
with warnings.catch_warnings(record=True):
    from quixstreams import Application
    from quixstreams.context import message_context
    from quixstreams.internal_consumer import InternalConsumer
    from quixstreams.internal_producer import InternalProducer
    from quixstreams.kafka.consumer import raise_for_msg_error
    from quixstreams.kafka.exceptions import KafkaConsumerException, KafkaProducerDeliveryError
    from quixstreams.models import Row, Topic
    from quixstreams.models.messagecontext import MessageContext
    from quixstreams.processing import ProcessingContext
    from quixstreams.state.exceptions import InvalidStoreChangelogOffset, StateRecoveryOffsetOutOfRange

__all__ = [
    "BatchWorker",
    "BatchingApplication",
    "BatchingConsumer",
    "BatchingContext",
    "InvalidStoreChangelogOffset",
    "KafkaConsumerException",
    "KafkaProducerDeliveryError",
    "Produce",
    "StateRecoveryOffsetOutOfRange",
    "Topic",
]

logger = get_logger(__name__)

# How long one call waits for more records when few are coming: latency at low rates, idle wake-ups at none.
BATCH_WAIT_SECONDS = 0.05

# How long a stop may take: shorter than the patience of most service managers, longer than a commit.
STOP_SECONDS = 25.0
FAIL_SECONDS = 60.0

# How long a commit may take: longer than a cluster needs to replace a broker, shorter than a transaction stays open.
COMMIT_SECONDS = 20.0
# How much longer the client may take until it is taken to be stuck.
HELD_UP_SECONDS = 5.0

_HISTORY_SECONDS = 30.0

Produce = Callable[..., None]


class BatchWorker(Protocol):
    """What the adapter drives. All calls come from one thread."""

    def take_over(self, takeover: Takeover, store: Store) -> None:
        """Accept a partition, with its State to read from, before its first batch."""
        ...

    def gather(self, partition: int, messages: Sequence[Message]) -> None:
        """Take a batch of one partition, in offset order."""
        ...

    def before_commit(self, store_of: Callable[[int], Store], produce: Produce) -> None:
        """Write and produce, inside the open transaction, all that was gathered."""
        ...

    def after_commit(self, seconds: float) -> None:
        """Learn that the commit is done, and how long it took. Not called of one that was given up."""
        ...

    def let_go(self, partitions: Sequence[int]) -> None:
        """Forget partitions: what was not committed is read again by whoever owns them next."""
        ...


@dataclass(frozen=True)
class _TransactionStore:
    """The State of one partition through the transaction of the open checkpoint."""

    transaction: Any

    def get(self, key: bytes) -> bytes | None:
        data: bytes | None = self.transaction.get_bytes(key=key, prefix=b"")
        return data

    def set(self, key: bytes, value: bytes) -> None:
        self.transaction.set_bytes(key=key, value=value, prefix=b"")


class BatchingConsumer(InternalConsumer):
    """Gives a Row per input partition, made of all the records that were waiting."""

    batch_messages = 10_000
    # Set by the application: brings new partitions to the worker, returns the offset each owned one goes on from.
    take_over: Callable[[], Mapping[int, int]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rows: deque[Row] = deque()
        self._interrupted = False

    def subscribe(self, topics: list[Topic], on_assign: Any = None, on_revoke: Any = None, on_lost: Any = None) -> None:
        """Subscribe, and notice each rebalance."""

        def noticing(callback: Any) -> Any:
            def call(consumer: Consumer, partitions: list[TopicPartition]) -> None:
                self._interrupted = True
                callback(consumer, partitions)

            return call

        super().subscribe(topics, noticing(on_assign), noticing(on_revoke), noticing(on_lost))

    def poll_row(self, timeout: float | None = None, buffered: bool = False) -> Row | None:
        """Return the next partition's batch, or None if nothing is waiting."""
        if not self._rows:
            self._rows.extend(self._poll_rows())
        return self._rows.popleft() if self._rows else None

    def _poll_rows(self) -> list[Row]:
        offsets = self.take_over()
        if self._interrupted:
            self._rewind(offsets)
        messages = self.consume(self.batch_messages, BATCH_WAIT_SECONDS)
        if self._interrupted:  # by a rebalance inside that call
            # Some were fetched under the old assignment, some perhaps under the new: read all of them again.
            return []
        for message in [message for message in messages if message.error() is not None]:
            raise_for_msg_error(message)
        return [_row(batch) for batch in _by_partition(messages).values()]

    def _rewind(self, offsets: Mapping[int, int]) -> None:
        """Go back to the offset that each owned partition goes on from. It costs a fetch, once a rebalance."""
        (topic,) = (name for name, topic in self._topics.items() if not topic.is_changelog)
        for partition, offset in offsets.items():
            self.seek(TopicPartition(topic, partition, offset))
        self._interrupted = False


def _by_partition(messages: list[Message]) -> dict[int | None, list[Message]]:
    """Return the messages of each partition, in their order; the client hands out long runs of one partition."""
    batches: dict[int | None, list[Message]] = {}
    start = 0
    for partition, run in groupby([message.partition() for message in messages]):
        end = start + len(list(run))
        batches.setdefault(partition, []).extend(messages[start:end])
        start = end
    return batches


def _row(messages: list[Any]) -> Row:
    # The context's offset is what Quix commits (plus one): the last of the batch.
    last = messages[-1]
    context = MessageContext(topic=last.topic(), partition=last.partition(), offset=last.offset(), size=0)
    return Row(value=messages, key=None, timestamp=last.timestamp()[1], context=context, headers=None)


class DirectProducer(InternalProducer):
    """Hands records to the client as they are, at half the price: a commit produces two for each subtotal it changes.

    Left out is a look for delivery reports after each record: the flush of the commit serves all of them. And a
    commit takes a bounded time.

    `commits` is how many transactions were committed.
    """

    commits = 0

    def produce(  # type: ignore[override]  # Quix itself passes all but the topic by name
        self, topic: str, *, on_delivery: Any = None, **record: Any
    ) -> None:
        """Produce a record: value, key, headers, partition. Where the client has no room for it, wait as Quix does."""
        if on_delivery is not None:
            super().produce(topic, on_delivery=on_delivery, **record)
            return
        self._raise_for_error()  # type: ignore[no-untyped-call]
        try:
            self._producer._producer.produce(topic, on_delivery=self._on_delivery, **record)
        except BufferError:
            super().produce(topic, **record)

    def commit_transaction(self, positions: Any, group_metadata: Any, timeout: float | None = None) -> None:
        """Commit in :data:`COMMIT_SECONDS` at most, or fail: then all begins anew from the last commit.

        Where the client takes no notice of that, the process ends: librdkafka 2.12 waits for ever for the group's
        coordinator when that broker dies in the middle of a commit, though another has taken its place.
        """
        limit = COMMIT_SECONDS if timeout is None else timeout
        with _leaving_after(limit + HELD_UP_SECONDS, "a commit"):
            super().commit_transaction(positions, group_metadata, limit)
        self.commits += 1


class BatchingContext(ProcessingContext):
    """Lets the worker write before each commit."""

    worker: BatchWorker
    producer: DirectProducer
    stream_id: str
    failure: Exception | None = None

    def raise_failure(self) -> None:
        """Raise the error of a rebalance that failed: from then on nothing may be read or committed."""
        if self.failure is not None:
            raise self.failure

    def store_of(self, partition: int) -> Store:
        """Return the State of a partition, in the transaction of the open checkpoint."""
        return _TransactionStore(self.checkpoint.get_store_transaction(stream_id=self.stream_id, partition=partition))

    def commit_checkpoint(self, force: bool = False, revoking: bool = False) -> None:
        """Commit what was gathered if it is due, forced, or the partitions are going."""
        self.raise_failure()
        # Decided once: were it to fall due in between, offsets would be committed without what they count.
        if not (force or self.checkpoint.expired()):
            return
        if self.checkpoint.empty():
            super().commit_checkpoint(force=True, revoking=revoking)
            return
        start, commits = time.monotonic(), self.producer.commits
        self.worker.before_commit(self.store_of, self.producer.produce)
        super().commit_checkpoint(force=True, revoking=revoking)
        # When partitions go and the broker is silent, Quix gives the commit up without an error.
        if self.producer.commits > commits:
            self.worker.after_commit(time.monotonic() - start)

    def abandon_checkpoint(self) -> None:
        """Drop the open checkpoint with its transaction, and begin a new one."""
        self.checkpoint.close(revoking=True)
        self.init_checkpoint()  # type: ignore[no-untyped-call]


class BatchingApplication(Application):
    """A Quix Streams application of one input topic whose records go to a worker in batches.

    Args:
        worker: what counts the records.
        input_topic: the topic to read; it must exist.
        batch_messages: the most records taken at once.
        reader_options: librdkafka options of a consumer of committed records that reports the end of a partition.
        widen_changelog: gives the changelog as many partitions as the input has.
        options: what Quix's Application takes.
    """

    def __init__(
        self,
        worker: BatchWorker,
        input_topic: str,
        batch_messages: int,
        reader_options: Mapping[str, object],
        widen_changelog: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> None:
        super().__init__(
            auto_offset_reset="error",
            auto_recover_from_source_offset_out_of_range=False,
            processing_guarantee="exactly-once",
            **options,
        )
        self._worker = worker
        self._reader_options = reader_options
        self._widen_changelog = widen_changelog
        self._known_partitions = 0
        self._new_partitions: set[int] = set()
        self._next_offsets: dict[int, int] = {}
        self._stops = ExitStack()
        assert isinstance(self._consumer, BatchingConsumer)
        self._consumer.batch_messages = batch_messages
        self._consumer.take_over = self._take_over
        plain = self._processing_context
        self._context = BatchingContext(**{item.name: getattr(plain, item.name) for item in fields(plain) if item.init})
        self._processing_context = self._context
        self._input = self.topic(input_topic, value_deserializer="bytes")
        frame = self.dataframe(self._input)
        frame.register_store()
        frame.update(self._gather)
        self._context.worker = worker
        self._context.stream_id = frame.stream_id

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run until told to stop. A stop that a silent broker holds up ends the process, with exit code 1.

        Leaving hard is safe: what is not committed is read again, and the next start ends the open transaction.
        """
        with self._stops:
            return super().run(*args, **kwargs)

    def stop(self, fail: bool = False) -> None:
        """Stop, in a bounded time: :data:`STOP_SECONDS` when told to, :data:`FAIL_SECONDS` after a failure."""
        self._stops.enter_context(_leaving_after(FAIL_SECONDS if fail else STOP_SECONDS, "the stop"))
        super().stop(fail=fail)

    @property
    def restore_remaining_records(self) -> int:
        """How many changelog records are still to be read back; 0 unless recovering."""
        manager = self._state_manager._recovery_manager
        partitions = list(manager._recovery_partitions.values()) if manager else []
        restores = [restore for stores in partitions for restore in list(stores.values())]
        return sum(max(0, restore.changelog_highwater - max(0, restore.offset)) for restore in restores)

    @property
    def recovering(self) -> bool:
        """Whether State is being restored."""
        return bool(self._state_manager.recovery_required)

    def end_offset(self, partition: int) -> int | None:
        """Return the end of an owned input partition as the client last heard it, or None. Asks no broker."""
        try:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(self._input.name, partition), cached=True)
        except Exception:  # the partition has just gone
            return None
        return high if high >= 0 else None

    def _gather(self, messages: list[Message]) -> None:
        partition = message_context().partition
        self._worker.gather(partition, messages)
        self._next_offsets[partition] = messages[-1].offset() + 1

    def _get_internal_consumer(self, on_error: Any = None, extra_config_overrides: Any = None) -> BatchingConsumer:
        return BatchingConsumer(
            broker_address=self._config.broker_address,
            consumer_group=self._config.consumer_group,
            auto_offset_reset=self._config.auto_offset_reset,
            auto_commit_enable=False,
            extra_config={**self._config.consumer_extra_config, **(extra_config_overrides or {})},
            on_error=on_error,
        )

    def _get_internal_producer(self, on_error: Any = None, transactional: bool | None = None) -> InternalProducer:
        if transactional is False:  # for a migration of State that was written before Quix's expiry of values
            return super()._get_internal_producer(on_error, transactional)
        return DirectProducer(
            broker_address=self._config.broker_address,
            extra_config=self._config.producer_extra_config,
            flush_timeout=self._config.flush_timeout,
            on_error=on_error,
            transactional=True,
        )

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._raising_later():
            self._assign(consumer, partitions)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin where the group stands; where it has no offset, at the beginning, and say so explicitly.

        A partition that was added to the input since the start first gets its place in the changelog.

        The reset policy is "error": a committed offset that retention has eaten must stop the application.
        """
        if any(partition.partition >= self._known_partitions for partition in partitions):
            self._widen_changelog()
            self._known_partitions = max(partition.partition for partition in partitions) + 1
        for partition, committed in zip(partitions, self._consumer.committed(partitions, timeout=30), strict=True):
            if committed.error is not None:
                raise KafkaConsumerException(error=committed.error)
            partition.offset = committed.offset if committed.offset >= 0 else OFFSET_BEGINNING
            if partition.topic == self._input.name:
                self._new_partitions.add(partition.partition)
                self._next_offsets[partition.partition] = partition.offset
        super()._on_assign(consumer, partitions)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._raising_later():
            super()._on_revoke(consumer, partitions)
        self._let_go(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Somebody else may own them: their offsets, kept in the open checkpoint, must not be committed.
        with self._raising_later():
            super()._on_lost(consumer, partitions)
            self._context.abandon_checkpoint()
        self._let_go(partitions)

    @contextmanager
    def _raising_later(self) -> Iterator[None]:
        """Keep an error for the next poll or commit: a client whose callback raised may hang when it is closed."""
        try:
            yield
        except Exception as error:
            logger.warning("rebalance failed, stopping", error=repr(error))
            self._context.failure = self._context.failure or error

    def _let_go(self, partitions: list[TopicPartition]) -> None:
        gone = [partition.partition for partition in partitions if partition.topic == self._input.name]
        self._new_partitions.difference_update(gone)
        for partition in gone:
            self._next_offsets.pop(partition, None)
        self._worker.let_go(gone)

    def _take_over(self) -> Mapping[int, int]:
        """Show new partitions, their State restored by now, to the worker. Returns where each owned one goes on."""
        self._context.raise_failure()
        new = sorted(self._new_partitions)
        with_history = self._find_history(new)
        for partition in new:
            offset = self._next_offsets[partition]
            takeover = Takeover(
                partition=partition,
                committed_offset=offset if offset >= 0 else None,
                oldest_offset=self._oldest_offset(partition) if offset < 0 else 0,
                has_history=partition in with_history,
            )
            self._worker.take_over(takeover, self._context.store_of(partition))
            self._new_partitions.discard(partition)
        return self._next_offsets

    def _oldest_offset(self, partition: int) -> int:
        low, _ = self._consumer.get_watermark_offsets(TopicPartition(self._input.name, partition), timeout=30)
        return int(low)

    def _find_history(self, partitions: list[int]) -> set[int]:
        """Return those whose changelog holds a committed record.

        Aborted ones, of a first start that was killed, do not count: a look at the offsets would not tell.
        """
        if not partitions:
            return set()
        (changelog,) = self._topic_manager.changelog_topics[self._context.stream_id].values()
        reader = Consumer(dict(self._reader_options))
        try:
            whole = dict.fromkeys(partitions, Bounds(OFFSET_BEGINNING, 0))
            found = find_records_with(reader, changelog.name, whole, _HISTORY_SECONDS)
        except KafkaException as error:
            raise KafkaConsumerException(error=error.args[0]) from error
        finally:
            reader.close()
        if len(found) < len(partitions):
            raise TimeoutError("the changelog could not be read in time")
        return {partition for partition, holds_record in found.items() if holds_record}


@contextmanager
def _leaving_after(seconds: float, held_up: str) -> Iterator[None]:
    """End the process, with exit code 1, if what is done here takes longer."""
    leave = Timer(seconds, _leave, [held_up])
    leave.daemon = True
    leave.start()
    try:
        yield
    finally:
        leave.cancel()


def _leave(held_up: str) -> None:
    logger.error("the broker does not answer: leaving, the next start goes on from the last commit", held_up=held_up)
    os._exit(1)
