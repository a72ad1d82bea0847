"""Restores State at the speed of its changelog. What Quix decides stays as it is: what to restore, from where, how far.

Quix asks for one changelog record at a time and writes each to RocksDB. :class:`BulkRecovery` takes all that are
waiting, natively where it can, and hands them to :func:`processor.quix_restore.restore_records`.

A rebalance in the middle of a call makes everything be read again from where each State stands: some of what was
fetched may be of the assignment before.
"""

import time
import warnings
from collections.abc import Iterable
from typing import Any, cast

from confluent_kafka import Message

from billing.runtime.logs import get_logger
from billing.runtime.native.block import RecordBlock
from billing.runtime.native.source import RecordSource, StrayRecordError, record_source
from processor.quix_restore import restore_records
from processor.state_log import write_unlogged

# Quix imports the HTTP client of its cloud, which insists on showing a warning of its own future.
with warnings.catch_warnings(record=True):
    from quixstreams.kafka.exceptions import KafkaConsumerException
    from quixstreams.state.base import StorePartition
    from quixstreams.state.recovery import RecoveryManager, RecoveryPartition

logger = get_logger(__name__)

MOST_RECORDS = 10_000
# How long one call waits for more records.
_WAIT_SECONDS = 0.05
# How often it is asked whether the end is reached while nothing comes, and for how long there may be no answer.
_ASK_SECONDS = 0.1
_PATIENCE_SECONDS = 60


class BulkRecovery(RecoveryManager):
    """Quix's recovery of an application that has one changelog topic.

    Args:
        client_id: the `client.id` of the consumer.
        natively: whether to try to read records where they lie.
        most_records: how many are taken at once.
        options: what Quix's recovery takes.
    """

    MAX_INVALID_OFFSET_ATTEMPTS = round(_PATIENCE_SECONDS / _ASK_SECONDS)

    def __init__(self, client_id: str, natively: bool, most_records: int = MOST_RECORDS, **options: Any) -> None:
        super().__init__(**options)
        self._client_id = client_id
        self._natively = natively
        self._most_records = most_records
        self._source: RecordSource | None = None
        self._assignments = 0
        self._asked_at = 0.0

    def assign_partition(
        self,
        topic: str | None,
        partition: int,
        committed_offsets: dict[str, int],
        store_partitions: dict[str, StorePartition],
    ) -> None:
        """Take a partition's State as its own, before anything is written to it."""
        for store in store_partitions.values():
            write_unlogged(cast(Any, store)._db)
        super().assign_partition(topic, partition, committed_offsets, store_partitions)

    def do_recovery(self) -> None:
        """Restore what has to be, until that is done or somebody says stop."""
        self._source = record_source(
            self, self._consumer._consumer, self._client_id, self._changelog, self._most_records, self._natively
        )
        try:
            super().do_recovery()  # type: ignore[no-untyped-call]
        finally:
            source, self._source = self._source, None
            source.close()

    def poll(self, timeout: float) -> Message | None:
        """Serve the client, and return a record that came through its own queue, none of the input."""
        message = self._consumer.poll(timeout)
        return None if message is None else next(iter(self._of_changelog([message])), None)

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        """Return the messages that are waiting, none of the input."""
        return self._of_changelog(self._consumer.consume(num_messages, timeout))

    @property
    def _changelog(self) -> str:
        (topic,) = self._topic_manager.changelog_topics_list
        return str(topic.name)

    def _of_changelog(self, messages: Iterable[Any]) -> list[Message]:
        """Return the messages without records of the input, which are read again when State is restored."""
        kept = []
        for message in messages:
            if message.error() is None and message.topic() != self._changelog:
                self._rewind_data_partition(message)
            else:
                kept.append(message)
        return kept

    def _prime_changelog_partition(self, rp: RecoveryPartition) -> None:
        self._assignments += 1
        if self._source is not None:
            self._source.forward([rp.partition_num])
        super()._prime_changelog_partition(rp)

    def _revoke_recovery_partitions(self, recovery_partitions: list[RecoveryPartition]) -> None:
        self._assignments += 1
        super()._revoke_recovery_partitions(recovery_partitions)
        if self._source is not None:
            self._source.let_go([restore.partition_num for restore in recovery_partitions])

    def _recovery_loop(self) -> None:
        while self.recovering:
            self._log_recovery_progress()
            block = self._take()
            if block is not None and len(block):
                self._restore(block)
                self._consumer._broker_available()  # type: ignore[no-untyped-call]
                self._asked_at = 0.0
            elif time.monotonic() >= self._asked_at + _ASK_SECONDS:
                self._asked_at = time.monotonic()
                self._position_cache.clear()
                self._update_recovery_status()  # type: ignore[no-untyped-call]
            if self._broker_availability_timeout:
                self._consumer.raise_if_broker_unavailable(self._broker_availability_timeout)

    def _take(self) -> RecordBlock | None:
        """Return what is waiting; None, and read again, if a rebalance made it unsure whose it is.

        Raises:
            KafkaConsumerException: the client tells of an error.
        """
        assert self._source is not None
        before = self._assignments
        try:
            block, errors = self._source.take(_WAIT_SECONDS)
        except StrayRecordError as error:
            logger.warning("a changelog record came where none may come, reading again", record=str(error))
            self._read_again()
            return None
        for failed in errors:
            raise KafkaConsumerException(error=failed.error)
        if self._assignments != before:
            block.release()
            self._read_again()
            return None
        return block

    def _read_again(self) -> None:
        for stores in list(self._recovery_partitions.values()):
            for restore in stores.values():
                self._prime_changelog_partition(restore)

    def _restore(self, block: RecordBlock) -> None:
        """Write a block's records to the State of their partitions, those that are still being restored."""
        for records in block.by_partition():
            for restore in self._recovery_partitions.get(records.partition, {}).values():
                restore_records(restore, records)
        block.release()
