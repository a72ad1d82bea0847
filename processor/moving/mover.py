"""Moves records for as long as it runs: reads its share of the input, hands it on, commits some times a second."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from billing.runtime.kafka import client_config
from billing.runtime.logs import get_logger
from billing.runtime.native.block import RecordBlock
from billing.runtime.native.source import RecordSource, StrayRecordError, record_source
from billing.settings import Settings
from billing.topics import moving_group
from processor.member import member_options
from processor.moving.placing import Placing
from processor.moving.share import Share
from processor.moving.takeover import TakeoverHeldUpError, TakeoverReader
from processor.moving.writer import MoveWriter

logger = get_logger(__name__)

# A transaction holds what comes in so long, or so many records.
COMMIT_SECONDS = 0.25
MOST_RECORDS = 500_000
# Or so many bytes: they wait in memory until they are delivered.
MOST_BYTES = 134_217_728
# How old the keyed ends in a bookmark may be: so much may have to be read again at a takeover.
ENDS_SECONDS = 2.0
_WAIT_SECONDS = 0.05
_ANSWER_SECONDS = 30.0


def consumer_options(settings: Settings, fetching: Mapping[str, object]) -> dict[str, Any]:
    """Return the consumer's options; `fetching` are those of :mod:`billing.runtime.fetching`."""
    return {
        **client_config(settings),
        "group.id": moving_group(settings.keyed_topic),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        **member_options(settings),
        **fetching,
        **settings.kafka,
    }


class PartitionsLostError(Exception):
    """The group has given this member's partitions to another one meanwhile: begin anew."""


class Mover:
    """One run of the moving, from joining the group to leaving it. All calls but `stop` come from one thread.

    Args:
        settings: topics, group and instance.
        partitions: how many the keyed topic has.
        consumer_options: librdkafka options of the consumer, those of fetching among them.
        reader: tells what is known of partitions that are taken over.
        may_write: asked before each transaction; raises what forbids it.
        on_poll: called each time that records are asked for.
        on_commit: told how many records a commit has moved.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        consumer_options: Mapping[str, Any],
        reader: TakeoverReader,
        may_write: Callable[[], None] = lambda: None,
        on_poll: Callable[[], None] = lambda: None,
        on_commit: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._topic = settings.input_topic
        self._reader, self._may_write = reader, may_write
        self._on_poll, self._on_commit = on_poll, on_commit
        self._placing = Placing(settings.event_rules, partitions)
        self._share = Share()
        self._writer = MoveWriter(settings, settings.native_reading)
        self._consumer = Consumer(dict(consumer_options))
        client_id, most, natively = str(consumer_options["client.id"]), settings.batch_messages, settings.native_reading
        self._source: RecordSource = record_source(
            self._consumer, self._consumer, client_id, self._topic, most, natively
        )
        self._failure: Exception | None = None
        self._is_interrupted = False
        self._records, self._bytes, self._begun_at = 0, 0, 0.0
        self._ends: tuple[int, ...] = ()
        self._ends_at = -ENDS_SECONDS

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Move records until told to stop.

        Raises:
            OperatorError: something that a person has to mend.
            Exception: what may pass: begin anew, with another mover.
        """
        try:
            self._run(is_stopped)
        except Exception as error:
            self._fail(error)
            raise

    def _run(self, is_stopped: Callable[[], bool]) -> None:
        self._writer.take_over()
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        while not is_stopped():
            self._on_poll()
            self._take()
            if self._writer.is_open and self._is_due():
                self._commit()
        if self._writer.is_open:
            self._commit()

    def lag(self) -> dict[int, int]:
        """Return how many records of each partition are not moved yet, as the client last heard; asks no broker."""
        found = {}
        for partition, next_offset in self._share.next_offsets().items():
            with suppress(KafkaException, RuntimeError):  # a run that ends closes its client
                _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
                if end >= 0:
                    found[partition] = max(0, end - next_offset)
        return found

    def close(self) -> None:
        """Leave the group, and drop what is not committed."""
        self._writer.close()
        self._source.close()
        self._consumer.close()

    def _take(self) -> None:
        """Hand on the records that are waiting."""
        if self._is_interrupted:
            self._rewind()
        try:
            block, errors = self._source.take(_WAIT_SECONDS)
        except StrayRecordError as error:
            logger.warning("a record came where none may come, reading again", record=str(error))
            self._is_interrupted = True
            return
        try:
            if self._failure is not None:
                raise self._failure
            for failed in errors:
                if failed.ends_client or not self._is_interrupted:
                    raise KafkaException(failed.error)
            # After a rebalance inside that call all is read again, from where each partition stands.
            if len(block) and not self._is_interrupted:
                self._move(block)
        finally:
            block.release()

    def _move(self, block: RecordBlock) -> None:
        positions = self._share.wanted(block)
        if len(positions):
            if not self._writer.is_open:
                self._begin(int(block.partitions[positions[0]]))
            self._writer.move(block, positions, self._placing.targets(block))
            self._records += len(positions)
            self._bytes += int(block.value_lengths[positions].sum())
        self._share.advance(block)

    def _begin(self, partition: int) -> None:
        self._may_write()
        if time.monotonic() > self._ends_at + ENDS_SECONDS:
            with suppress(TakeoverHeldUpError):  # older ends are right, too
                self._ends, self._ends_at = self._reader.keyed_ends(), time.monotonic()
        self._writer.begin({partition: self._share.bookmark(partition)})
        self._records, self._bytes, self._begun_at = 0, 0, time.monotonic()

    def _is_due(self) -> bool:
        is_full = self._records >= MOST_RECORDS or self._bytes >= MOST_BYTES
        return is_full or time.monotonic() > self._begun_at + COMMIT_SECONDS

    def _commit(self) -> None:
        bookmarks = self._share.bookmarks(self._ends)
        self._writer.commit(bookmarks, self._consumer.consumer_group_metadata())
        self._share.note_committed(bookmarks)
        self._on_commit(self._records)

    def _rewind(self) -> None:
        """Go back to where each partition stands. It costs a fetch, once a rebalance."""
        for partition, offset in self._share.next_offsets().items():
            self._consumer.seek(TopicPartition(self._topic, partition, offset))
        self._is_interrupted = False

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._is_interrupted = True
        try:
            numbers = [partition.partition for partition in partitions]
            self._take_over(numbers)
            self._source.forward(numbers)
            offsets = self._share.next_offsets()
            consumer.assign([TopicPartition(self._topic, number, offsets[number]) for number in numbers])
        except Exception as error:
            self._fail(error)
            consumer.assign([])

    def _take_over(self, partitions: list[int]) -> None:
        if not partitions:
            return
        taken = self._reader.take(self._committed(partitions))
        new = {partition: one.bookmark for partition, one in taken.items() if one.is_new}
        if new:
            # So that there is a bookmark before the first record is moved: from its ends on is read if that goes wrong.
            self._writer.begin(new)
            self._writer.commit(new, self._consumer.consumer_group_metadata())
        self._ends, self._ends_at = self._reader.keyed_ends(), time.monotonic()
        for partition, one in sorted(taken.items()):
            self._share.take_over(partition, one)
            logger.info(
                "input partition taken over for moving",
                partition=partition,
                next_offset=one.bookmark.next_offset,
                moved_beyond=len(one.moved),
            )

    def _committed(self, partitions: list[int]) -> dict[int, int | None]:
        asked = [TopicPartition(self._topic, partition) for partition in partitions]
        answers = self._consumer.committed(asked, timeout=_ANSWER_SECONDS)
        for answer in answers:
            if answer.error is not None:
                raise KafkaException(answer.error)
        return {one.partition: one.offset if one.offset >= 0 else None for one in answers}

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._is_interrupted = True
        try:
            if self._failure is None and self._writer.is_open:
                self._commit()
        except Exception as error:
            self._fail(error)
        self._let_go(partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._is_interrupted = True
        self._fail(PartitionsLostError("partitions were lost"))
        self._let_go(partitions)

    def _let_go(self, partitions: list[TopicPartition]) -> None:
        gone = [partition.partition for partition in partitions]
        self._source.let_go(gone)
        self._share.drop(gone)

    def _fail(self, error: Exception) -> None:
        """Keep an error for the next round: a client whose callback raised may hang when it is closed."""
        self._failure = self._failure or error
