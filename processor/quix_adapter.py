"""Runs a batch worker inside a Quix Streams application, exactly-once.

With `quix_commit.py`, `quix_recovery.py` and `quix_restore.py` all that knows Quix.

Quix hands one message at a time through Python. Five subclasses change that and nothing else; Quix keeps doing the
assignment, State, changelogs, recovery and the transactions:

* :class:`BatchingConsumer` takes what is waiting in one call, natively where it can, and gives one Row per input
  partition, whose offset is the last one of the batch.
* :class:`processor.quix_commit.BatchingContext` calls the worker before each commit, inside the open transaction, so
  that what the worker writes and produces is atomic with the offsets.
* :class:`processor.quix_commit.DirectProducer` hands records to the client without a look for delivery reports after
  each, and ends the transactions.
* :class:`processor.quix_recovery.BulkRecovery` reads a lost State back from its changelog in bulk.
* :class:`BatchingApplication` wires these together, starts partitions without a committed offset at their beginning,
  and shows each partition's State and committed offset to the worker before its first batch.

Right under rebalance: Quix commits what was handed over before partitions go, and a batch that a rebalance
interrupted is dropped and read again from the offset the group holds.

Written against quixstreams 3.28.1, which pyproject.toml pins.
"""

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from billing.runtime.logs import get_logger
from billing.runtime.native.block import PartitionRecords, RecordBlock
from billing.runtime.native.queue import PartitionError
from billing.runtime.native.source import RecordSource, StrayRecordError, record_source
from billing.runtime.partition_bounds import Bounds, find_records_with
from processor.positions import Positions
from processor.quix_commit import BatchingContext, BatchWorker, DirectProducer, leaving_after
from processor.quix_recovery import BulkRecovery
from processor.takeover import StateMismatchError, Takeover

# Quix imports the HTTP client of its cloud, which insists on showing a warning of its own future.
with warnings.catch_warnings(record=True):
    from quixstreams import Application
    from quixstreams.exceptions import PartitionAssignmentError
    from quixstreams.internal_consumer import InternalConsumer
    from quixstreams.internal_producer import InternalProducer
    from quixstreams.kafka.exceptions import KafkaConsumerException, KafkaProducerDeliveryError
    from quixstreams.models import Row, Topic
    from quixstreams.models.messagecontext import MessageContext
    from quixstreams.processing import ProcessingContext
    from quixstreams.state.exceptions import InvalidStoreChangelogOffset, StateRecoveryOffsetOutOfRange
    from quixstreams.state.rocksdb.options import RocksDBOptions

__all__ = [
    "BatchingApplication",
    "BatchingConsumer",
    "InvalidStoreChangelogOffset",
    "KafkaConsumerException",
    "KafkaProducerDeliveryError",
    "RocksDBOptions",
    "StateRecoveryOffsetOutOfRange",
    "Topic",
]

logger = get_logger(__name__)

# How long one call waits for the first record: a commit that is due meanwhile waits too.
BATCH_WAIT_SECONDS = 0.05

# How long a stop may take: shorter than the patience of most service managers, longer than a commit.
STOP_SECONDS = 25.0
FAIL_SECONDS = 60.0

_HISTORY_SECONDS = 30.0


class BatchingConsumer(InternalConsumer):
    """Gives a Row per input partition, made of all the records that were waiting.

    Args:
        positions: where each owned partition goes on.
        take_over: brings new partitions to the worker.
        batch_messages: the most records taken at once.
        natively: whether to try to read records where they lie.
        options: what Quix's consumer takes.
    """

    def __init__(
        self,
        positions: Positions,
        take_over: Callable[[], None],
        batch_messages: int,
        natively: bool,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._positions = positions
        self._take_over = take_over
        self._batch_messages = batch_messages
        self._natively = natively
        self.client_id = str(options["extra_config"]["client.id"])
        """By what name the client knows itself."""
        self._source: RecordSource | None = None
        self._block: RecordBlock | None = None
        self._rows: deque[Row] = deque()
        self._interrupted = False

    @property
    def reads_natively(self) -> bool:
        """Whether records are read where they lie."""
        return self._source is not None and self._source.is_native

    @property
    def _input(self) -> str:
        (topic,) = (name for name, topic in self._topics.items() if not topic.is_changelog)
        return str(topic)

    def subscribe(self, topics: list[Topic], on_assign: Any = None, on_revoke: Any = None, on_lost: Any = None) -> None:
        """Subscribe, and notice each rebalance."""

        def noticing(callback: Any) -> Any:
            def call(consumer: Consumer, partitions: list[TopicPartition]) -> None:
                self._interrupted = True
                callback(consumer, partitions)

            return call

        super().subscribe(topics, noticing(on_assign), noticing(on_revoke), noticing(on_lost))
        self._source = record_source(
            self, self._consumer, self.client_id, self._input, self._batch_messages, self._natively
        )

    def forward(self, partitions: Iterable[int]) -> None:
        """Let the records of input partitions come here, before these are assigned."""
        if self._source is not None:
            self._source.forward(partitions)

    def let_go(self, partitions: Iterable[int]) -> None:
        """Let no records of input partitions come here any more."""
        if self._source is not None:
            self._source.let_go(partitions)

    def close(self) -> None:
        """Leave the group. The client would wait for ever for a queue that is held, or for a record."""
        self._rows.clear()
        self._release()
        if self._source is not None:
            self._source.close()
        try:
            super().close()  # type: ignore[no-untyped-call]
        except PartitionAssignmentError as error:
            # Nobody counts what a rebalance brings by now. What the client is closed for must not be hidden by it.
            logger.info("a rebalance failed as the group was left", error=repr(error.__cause__))

    def poll_row(self, timeout: float | None = None, buffered: bool = False) -> Row | None:
        """Return the next partition's batch, or None if nothing is waiting."""
        if not self._rows:
            self._rows.extend(self._poll_rows())
        return self._rows.popleft() if self._rows else None

    def _poll_rows(self) -> list[Row]:
        self._release()
        self._take_over()
        if self._interrupted:
            self._rewind()
        assert self._source is not None
        errors: list[PartitionError] = []
        try:
            self._block, errors = self._source.take(BATCH_WAIT_SECONDS)
        except StrayRecordError as error:
            logger.warning("a record came where none may come, reading again", record=str(error))
            self._interrupted = True
        for failed in errors:
            if failed.ends_client or not self._interrupted:
                raise KafkaConsumerException(error=failed.error)
        if self._interrupted:  # by a rebalance inside that call
            # Some were fetched under the old assignment, some perhaps under the new: read all of them again.
            return []
        parts = list(self._block.by_partition()) if self._block is not None else []
        if not all(self._positions.is_next(part.partition, int(part.offsets[0])) for part in parts):
            logger.warning("records came that were not expected, reading again")
            self._interrupted = True
            return []
        return [_row(self._input, part) for part in parts]

    def _release(self) -> None:
        """Give back the records that were taken last."""
        if self._block is not None:
            self._block.release()
            self._block = None

    def _rewind(self) -> None:
        """Go back to the offset that each owned partition goes on from. It costs a fetch, once a rebalance."""
        for partition, offset in self._positions:
            self.seek(TopicPartition(self._input, partition, _seekable(offset)))
        self._interrupted = False


def _seekable(offset: int | None) -> int:
    """Return the offset as the client takes it."""
    return OFFSET_BEGINNING if offset is None else offset


def _row(topic: str, records: PartitionRecords) -> Row:
    # The context's offset is what Quix commits (plus one): the last of the batch.
    last = len(records) - 1
    context = MessageContext(topic=topic, partition=records.partition, offset=int(records.offsets[last]), size=0)
    return Row(value=records, key=None, timestamp=records.timestamp_ms(last), context=context, headers=None)


class BatchingApplication(Application):
    """A Quix Streams application of one input topic whose records go to a worker in batches.

    Args:
        worker: what counts the records.
        input_topic: the topic to read; it must exist.
        batch_messages: the most records taken at once.
        natively: whether to try to read records where they lie.
        on_poll: called each time that records are asked for, some times per second.
        reader_options: librdkafka options of a consumer of committed records that reports the end of a partition.
        widen_changelog: gives the changelog as many partitions as the input has.
        open_ends: returns those input partitions that have records without an end of their transaction.
        options: what Quix's Application takes.
    """

    def __init__(
        self,
        worker: BatchWorker,
        input_topic: str,
        batch_messages: int,
        natively: bool,
        on_poll: Callable[[], None],
        reader_options: Mapping[str, object],
        widen_changelog: Callable[[], None] = lambda: None,
        open_ends: Callable[[Iterable[int]], set[int]] = lambda _: set(),
        **options: Any,
    ) -> None:
        # What the consumer is made with, while Quix makes it.
        self._positions = Positions()
        self._batch_messages = batch_messages
        self._natively = natively
        self._on_poll = on_poll
        self._input_name = input_topic
        super().__init__(
            auto_offset_reset="error",
            auto_recover_from_source_offset_out_of_range=False,
            processing_guarantee="exactly-once",
            **options,
        )
        self._state_manager._recovery_manager = BulkRecovery(
            self._reader.client_id,
            natively,
            consumer=self._consumer,
            topic_manager=self._topic_manager,
            broker_availability_timeout=self._broker_availability_timeout,
        )
        self._worker = worker
        self._reader_options = reader_options
        self._widen_changelog = widen_changelog
        self._known_partitions = 0
        self._stops = ExitStack()
        self._input = self.topic(input_topic, value_deserializer="bytes")
        stream_id = self._topic_manager.stream_id_from_topics([self._input])
        self._context = _batching(self._processing_context, worker, stream_id, open_ends)
        self._processing_context = self._context
        frame = self.dataframe(self._input)
        frame.register_store()
        frame.update(self._count)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Run until told to stop. A stop that a silent broker holds up ends the process, with exit code 1.

        Leaving hard is safe: what is not committed is read again, and the next start ends the open transaction.
        """
        with self._stops:
            return super().run(*args, **kwargs)

    def stop(self, fail: bool = False) -> None:
        """Stop, in a bounded time: :data:`STOP_SECONDS` when told to, :data:`FAIL_SECONDS` after a failure."""
        self._stops.enter_context(leaving_after(FAIL_SECONDS if fail else STOP_SECONDS, "the stop"))
        super().stop(fail=fail)

    @property
    def restore_remaining_records(self) -> int:
        """How many changelog records are still to be read back; 0 unless recovering."""
        manager = self._state_manager._recovery_manager
        partitions = list(manager._recovery_partitions.values()) if manager else []
        restores = [restore for stores in partitions for restore in list(stores.values())]
        return sum(max(0, restore.changelog_highwater - max(0, restore.offset)) for restore in restores)

    @property
    def reads_natively(self) -> bool:
        """Whether records are read where they lie."""
        return self._reader.reads_natively

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

    @property
    def _reader(self) -> BatchingConsumer:
        assert isinstance(self._consumer, BatchingConsumer)
        return self._consumer

    def _count(self, records: PartitionRecords) -> None:
        self._worker.count(records)
        partition, last = records.partition, int(records.offsets[-1])
        self._context.log_ahead(partition, {self._input_name: last}, *self._worker.ahead(partition))
        self._positions.advance(partition, last + 1)

    def _get_internal_consumer(self, on_error: Any = None, extra_config_overrides: Any = None) -> BatchingConsumer:
        return BatchingConsumer(
            self._positions,
            self._take_over,
            self._batch_messages,
            self._natively,
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
            natively=self._natively,
            known_topic=self._input_name,
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
            self._context.producer.learn_partitions(self._changelog, self._known_partitions)
        partitions = self._with_changelog(partitions)
        for partition, committed in zip(partitions, self._consumer.committed(partitions, timeout=30), strict=True):
            if committed.error is not None:
                raise KafkaConsumerException(error=committed.error)
            offset = committed.offset if committed.offset >= 0 else None
            partition.offset = _seekable(offset)
            if partition.topic == self._input.name:
                self._positions.assign(partition.partition, offset)
                self._reader.forward([partition.partition])
        if not partitions:
            self._consumer.assign([])  # or the client assigns what it came with
        super()._on_assign(consumer, partitions)

    def _with_changelog(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the partitions without those of the input whose changelog partition was not assigned with them.

        The group hears of partitions that were added to the two topics at different times. Those left out come with
        the rebalance that the other topic's new partitions bring; nobody reads them until then.
        """
        changelog = self._changelog
        kept = {partition.partition for partition in partitions if partition.topic == changelog}
        waiting = [p.partition for p in partitions if p.topic != changelog and p.partition not in kept]
        if waiting:
            logger.info("input partitions wait for their changelog to be assigned", partitions=waiting)
        return [p for p in partitions if p.partition in kept]

    @property
    def _changelog(self) -> str:
        (changelog,) = self._topic_manager.changelog_topics[self._context.stream_id].values()
        return str(changelog.name)

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
            self._context.fail(error)

    def _let_go(self, partitions: list[TopicPartition]) -> None:
        gone = [partition.partition for partition in partitions if partition.topic == self._input.name]
        self._reader.let_go(gone)
        self._positions.drop(gone)
        self._context.own(partition for partition, _ in self._positions)
        self._worker.let_go(gone)

    def _take_over(self) -> None:
        """Show new partitions, their State restored by now, to the worker."""
        self._context.raise_failure()
        self._on_poll()
        new = self._positions.new()
        if not new:
            return
        with_history = self._find_history([partition for partition, _ in new])
        hanging = self._context.open_ends(
            [partition for partition, committed in new if committed is not None and partition not in with_history]
        )
        for partition, committed in new:
            takeover = Takeover(
                partition=partition,
                committed_offset=committed,
                oldest_offset=self._oldest_offset(partition) if committed is None else 0,
                has_history=partition in with_history,
                has_open_end=partition in hanging,
            )
            try:
                self._worker.take_over(takeover, self._context.store_of(partition))
            except StateMismatchError:
                if self._context.open_ends([partition]):  # State may lack what hangs, and has it the next time
                    self._context.log_nothing(partition)
                raise
            self._positions.accept(partition)
        self._context.own(partition for partition, _ in self._positions)

    def _oldest_offset(self, partition: int) -> int:
        low, _ = self._consumer.get_watermark_offsets(TopicPartition(self._input.name, partition), timeout=30)
        return int(low)

    def _find_history(self, partitions: list[int]) -> set[int]:
        """Return those whose changelog holds a committed record.

        Aborted ones, of a first start that was killed, do not count: a look at the offsets would not tell.
        """
        if not partitions:
            return set()
        reader = Consumer(dict(self._reader_options))
        try:
            whole = dict.fromkeys(partitions, Bounds(OFFSET_BEGINNING, 0))
            found = find_records_with(reader, self._changelog, whole, _HISTORY_SECONDS)
        except KafkaException as error:
            raise KafkaConsumerException(error=error.args[0]) from error
        finally:
            reader.close()
        if len(found) < len(partitions):
            raise TimeoutError("the changelog could not be read in time")
        return {partition for partition, holds_record in found.items() if holds_record}


def _batching(
    plain: ProcessingContext, worker: BatchWorker, stream_id: str, open_ends: Callable[[Iterable[int]], set[int]]
) -> BatchingContext:
    """Return Quix's context as one that lets a worker write before each commit."""
    options = {item.name: getattr(plain, item.name) for item in fields(plain) if item.init}
    return BatchingContext(**options, worker=worker, stream_id=stream_id, open_ends=open_ends)
