"""The topics as the one who decides reads them: the ledger to its end, the subtotals as they come."""

import time
from collections.abc import Callable, Mapping

from billing.errors import OperatorError
from billing.notification_ledger import KeyValue
from billing.runtime.ledger_writer import LedgerLostError
from billing.runtime.logs import get_logger
from billing.runtime.partition_bounds import PartitionBounds
from billing.runtime.signals import StopFlag
from billing.runtime.topic_reader import TopicReader
from billing.settings import Settings
from billing.subtotal import RecordError, UnknownVersionError
from budgets.reading import read_subtotal
from budgets.usage import Usage

logger = get_logger(__name__)

# Kafka compacts what was written a while ago (`segment.ms` of billing.subtotals, ten minutes). Who reads what is newer
# reads every record of a commit.
LATE_MS = 60_000
_LEDGER_SECONDS = 60.0
_POLL_SECONDS = 0.2
_SAY_SECONDS = 10.0


class KafkaLedgerReader:
    """Reads the ledger's topic, each committed record once. Close it.

    Args:
        settings: where the broker is, and the topic.
        partitions: how many the topic has.
        bounds: who knows where they end.
        beat: told that the work goes on.
    """

    def __init__(self, settings: Settings, partitions: int, bounds: PartitionBounds, beat: Callable[[], None]) -> None:
        self._reader = TopicReader(settings, settings.notifications_topic, partitions)
        self._partitions, self._bounds, self._beat = partitions, bounds, beat

    def read(self, waits: bool) -> list[KeyValue]:
        """Return what was committed since, up to the end at the call.

        Args:
            waits: for transactions that are open; without, up to where the oldest of them begins.

        Raises:
            LedgerLostError: the end is not reached in time.
            KafkaException: the broker refuses.
        """
        records: list[KeyValue] = []
        ask = self._bounds.log_ends if waits else self._bounds.stable_ends
        ends = ask(self._reader.topic, range(self._partitions))
        deadline = time.monotonic() + _LEDGER_SECONDS
        while not _has_reached(self._reader.next_offsets, ends):
            found = self._reader.poll(timeout_seconds=_POLL_SECONDS)
            records += [(record.key or b"", record.value or b"") for record in found]
            if found:
                deadline = time.monotonic() + _LEDGER_SECONDS
            elif time.monotonic() > deadline:
                raise LedgerLostError(f"a transaction on {self._reader.topic} stays open: its ledger is read anew")
            self._beat()
        return records

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()


class KafkaSubtotalsFeed:
    """Feeds the usage from `billing.subtotals`. Close it.

    Args:
        settings: where the broker is, and the topic.
        partitions: how many the topic has.
        bounds: who knows where they end.
        stop: ends a catching up.
        beat: told that the work goes on.
        now_ms: the wall clock, in milliseconds.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        bounds: PartitionBounds,
        stop: StopFlag,
        beat: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._reader = TopicReader(settings, settings.subtotals_topic, partitions)
        self._zone = settings.time_zone
        self._partitions, self._bounds, self._stop, self._beat, self._now_ms = partitions, bounds, stop, beat, now_ms
        self._oldest_commit_ms: int | None = None
        self.records = 0

    @property
    def is_late(self) -> bool:
        """Whether what was read last is so old that compaction may have taken records from between."""
        return self._oldest_commit_ms is not None and self._now_ms() - self._oldest_commit_ms > LATE_MS

    def poll(self, usage: Usage) -> None:
        """Take in what is waiting.

        Raises:
            OperatorError: a record that cannot be read, or one by the months of another zone.
            KafkaException: the broker refuses.
        """
        self._oldest_commit_ms = None
        records = self._reader.poll(timeout_seconds=_POLL_SECONDS)
        for record in records:
            try:
                progress = read_subtotal(usage, record.key, record.value, self._zone)
            except UnknownVersionError:
                raise
            except RecordError as error:
                raise OperatorError(
                    f"a record that cannot be read, at offset {record.offset} of partition {record.partition} of"
                    f" {self._reader.topic}: {error}; no budget is decided while it is there, see"
                    " docs/runbook.md#unreadable-record"
                ) from error
            if progress is not None and (self._oldest_commit_ms or progress.committed_ms) >= progress.committed_ms:
                self._oldest_commit_ms = progress.committed_ms
        self.records += len(records)

    def catch_up(self, usage: Usage) -> bool:
        """Take in all that was written before this call; return whether that came to an end: not if asked to stop.

        Raises:
            KafkaUnavailableError: no broker answers.
            OperatorError: as :meth:`poll`.
        """
        ends = self._bounds.log_ends(self._reader.topic, range(self._partitions))
        say_at = time.monotonic() + _SAY_SECONDS
        while not _has_reached(self._reader.next_offsets, ends):
            if self._stop.requested:
                return False
            self.poll(usage)
            self._beat()
            if time.monotonic() > say_at:
                logger.info("subtotals are being read", records=self.records)
                say_at = time.monotonic() + _SAY_SECONDS
        self._oldest_commit_ms = None
        return True

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()


def _has_reached(reached: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    return all(reached[partition] >= end for partition, end in ends.items())
