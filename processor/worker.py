"""Brings fold and book together around Quix's commit: gathers records, folds them, writes what they change."""

from collections.abc import Callable, Sequence
from typing import Any

from billing.clock import Clock, SystemClock
from billing.runtime.logs import get_logger
from billing.settings import Settings
from billing.subtotal import Progress
from billing.sums import TypeTable
from billing.topics import subtotals_partition
from processor.book import PartitionBook, Store, read_progress
from processor.fold import FoldRules
from processor.gathered import Gathered
from processor.metrics import ProcessorMetrics, Uncommitted
from processor.quix_commit import Produce
from processor.rejected import RejectedRecord, produce_rejected
from processor.takeover import Takeover, check_takeover, check_zone

logger = get_logger(__name__)


# How many read events may wait to be summed: some 30 bytes each.
MAX_WAITING_EVENTS = 2_000_000


class BillingWorker:
    """Counts the records of the input partitions it is given. See :class:`processor.quix_commit.BatchWorker`.

    Args:
        settings: topics, limits, instance.
        subtotals_partitions: how many partitions the subtotals topic has.
        rules: what a fold keeps to.
        clock: what future event times are measured against.
        metrics: what it tells of itself.
        may_write: asked before each commit; raises what forbids it.
    """

    def __init__(
        self,
        settings: Settings,
        subtotals_partitions: int,
        rules: FoldRules,
        clock: Clock,
        metrics: ProcessorMetrics,
        may_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._subtotals_partitions = subtotals_partitions
        self._rules = rules
        self._clock = clock
        self._wall_clock = SystemClock()
        self._metrics = metrics
        self._may_write = may_write
        self._types = TypeTable(rules.events.types)
        self._books: dict[int, PartitionBook] = {}
        self._gathered: dict[int, Gathered] = {}
        self._rejected: list[RejectedRecord] = []
        self._uncommitted = Uncommitted()
        self._commits = 0

    @property
    def commits(self) -> int:
        """How many commits are done."""
        return self._commits

    @property
    def books(self) -> dict[int, PartitionBook]:
        """The books of the partitions owned. Read them, do not change them."""
        return self._books

    def take_over(self, takeover: Takeover, store: Store) -> None:
        """Open the book of a partition, if State and offsets belong together.

        Raises:
            OperatorError: they do not, or records were deleted before they were read.
        """
        progress = read_progress(store, takeover.partition)
        check_takeover(self._settings.input_topic, takeover, progress, self._settings.start_from_retained)
        zone = self._settings.time_zone
        check_zone(self._settings.input_topic, takeover.partition, progress, zone)
        self._books[takeover.partition] = PartitionBook(
            takeover.partition, progress or Progress(time_zone=zone), self._types, self._settings.hot_table_entries
        )
        logger.info("partition taken over", partition=takeover.partition, next_offset=takeover.committed_offset)

    def gather(self, partition: int, messages: Sequence[Any]) -> None:
        """Keep the records, and read them when there are enough of them."""
        gathered = self._gathered.get(partition)
        if gathered is None:
            gathered = self._gathered[partition] = Gathered(self._rules)
        gathered.add(messages)
        if gathered.bytes >= self._settings.batch_bytes:
            gathered.read(self._clock.now_ms())
            if sum(waiting.events for waiting in self._gathered.values()) >= MAX_WAITING_EVENTS:
                self._fold_all()

    def before_commit(self, store_of: Callable[[int], Store], produce: Produce) -> None:
        """Fold what was gathered, write what changed to State and the subtotals topic, hand on what was rejected.

        Subtotals first: the transaction is sealed with a record that may be written twice, and they are absolute.

        Raises:
            OperatorError: nothing may be written any more.
        """
        self._may_write()
        self._fold_all()
        topic, now_ms = self._settings.subtotals_topic, self._wall_clock.now_ms()
        for book in self._books.values():
            if book.is_dirty:
                partition = subtotals_partition(book.partition, self._subtotals_partitions)
                for key, value in book.write(store_of(book.partition), self._settings.instance, now_ms):
                    produce(topic=topic, key=key, value=value, partition=partition)
                    self._uncommitted.published += 1
        for record in self._rejected:
            produce_rejected(produce, self._settings.rejected_topic, record)
        self._rejected = []

    def after_commit(self, seconds: float) -> None:
        """Count what is committed now."""
        self._commits += 1
        self._metrics.count_commit(self._uncommitted, seconds, self._wall_clock.now_ms())
        self._uncommitted = Uncommitted()

    def let_go(self, partitions: Sequence[int]) -> None:
        """Forget partitions and whatever of them is not committed."""
        for partition in partitions:
            self._books.pop(partition, None)
            self._gathered.pop(partition, None)
        self._rejected = [record for record in self._rejected if record.partition in self._books]
        self._uncommitted = Uncommitted()
        if partitions:
            logger.info("partitions released", partitions=sorted(partitions))

    def _fold_all(self) -> None:
        for partition, gathered in self._gathered.items():
            gathered.read(self._clock.now_ms())
            book = self._books[partition]
            result = gathered.fold(book.progress.watermark_ms)
            book.add(
                result,
                next_offset=gathered.next_offset,
                oldest_record_ms=min(gathered.record_times_ms),
                newest_record_ms=max(gathered.record_times_ms),
            )
            self._rejected += gathered.rejected
            self._uncommitted.add(result)
            self._metrics.observe_fold(gathered.records, gathered.seconds)
        self._gathered = {}
