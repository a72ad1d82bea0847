"""Counts records as they come, and writes what they change around Quix's commit."""

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from billing.clock import Clock, SystemClock
from billing.runtime.logs import get_logger
from billing.runtime.native.block import PartitionRecords
from billing.settings import Settings
from billing.subtotal import ProgressKey, encode_key
from billing.sums import TypeTable
from billing.topics import subtotals_partition
from processor.book import PartitionBook, read_progress
from processor.fold import FoldRules
from processor.kernel.rows import ID_LENGTH, NO_EVENT, SLOT
from processor.metrics import ProcessorMetrics, Uncommitted
from processor.once import Once
from processor.quix_commit import Output
from processor.reading import EventReader, Reading
from processor.rejected import RejectedRecords, produce_rejected, rejected_records
from processor.store import LoggedStore, Store
from processor.takeover import Takeover, check_takeover, check_zone

logger = get_logger(__name__)

# With fewer sums in memory than that no commit comes early.
LEAST_EARLY_ENTRIES = 100_000


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
        self._is_moved = settings.dedup_scope == "topic"
        self._subtotals_partitions = subtotals_partitions
        self._rules = rules
        self._clock = clock
        self._wall_clock = SystemClock()
        self._metrics = metrics
        self._may_write = may_write
        self._types = TypeTable(rules.events.types)
        self._books: dict[int, PartitionBook] = {}
        self._reader = EventReader(rules.events)
        self._rejected: list[RejectedRecords] = []
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
        check_takeover(self._settings.counted_topic, takeover, progress, self._settings.start_from_retained)
        check_zone(self._settings.counted_topic, takeover.partition, progress, self._settings.time_zone)
        once = Once(takeover.partition, store, self._rules.once, self._types)
        self._books[takeover.partition] = PartitionBook(takeover.partition, progress, self._rules, self._types, once)
        logger.info("partition taken over", partition=takeover.partition, next_offset=takeover.committed_offset)

    @property
    def wants_commit(self) -> bool:
        """Whether so much is in memory that a commit should not wait until it is due."""
        return self._hot_entries() > max(self._settings.hot_table_entries, LEAST_EARLY_ENTRIES)

    def count(self, records: PartitionRecords) -> None:
        """Read records and add them to the sums of their partition, in memory."""
        start = time.perf_counter()
        book = self._books[records.partition]
        reading = self._reader.read(records, self._clock.now_ms())
        last = len(records) - 1
        times_ms = records.timestamp_ms(0), records.timestamp_ms(last)
        # Where records were moved by customer, it does not matter by what they were keyed.
        if not self._is_moved:
            self._uncommitted.unkeyed_ids += _unkeyed_ids(records, reading)
        fold = book.count(reading, records.offsets, min(times_ms), max(times_ms))
        self._rejected.extend(rejected_records(records, fold.rejections, self._is_moved))
        self._uncommitted.add(fold)
        self._metrics.observe_fold(len(records), time.perf_counter() - start)

    def ahead(self, partition: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """Return what of a partition's State is known before the commit."""
        return self._books[partition].full()

    def before_commit(self, store_of: Callable[[int], Store], output: Output) -> None:
        """Write what changed to State and the subtotals topic, and hand on what was rejected.

        Subtotals first: the transaction is sealed with a record that may be written twice, and they are absolute.

        Raises:
            OperatorError: nothing may be written any more.
        """
        self._may_write()
        settings, now_ms = self._settings, self._wall_clock.now_ms()
        for book in self._books.values():
            if book.is_dirty:
                partition = subtotals_partition(book.partition, self._subtotals_partitions)
                for keys, values in book.write(store_of(book.partition), settings.instance, now_ms):
                    output.produce_all(settings.subtotals_topic, partition, keys, values)
                    self._uncommitted.published += len(keys)
        topics = settings.counted_topic, settings.input_topic
        produce_rejected(output, settings.rejected_topic, self._rejected, *topics)
        self._rejected = []
        self._keep_within_memory()

    def repeat(self, partitions: Iterable[int], store_of: Callable[[int], LoggedStore], output: Output) -> None:
        """Write how far partitions count again, as State has it, to its changelog and to the subtotals topic.

        Raises:
            OperatorError: nothing may be written any more.
        """
        self._may_write()
        for number in partitions:
            store, key = store_of(number), encode_key(ProgressKey(number))
            value = store.get(key)
            if value is not None:
                store.log_again(key, value)
                partition = subtotals_partition(number, self._subtotals_partitions)
                output.produce_all(self._settings.subtotals_topic, partition, [key], [value])

    def after_commit(self, seconds: float) -> None:
        """Count what is committed now."""
        self._commits += 1
        self._metrics.count_commit(self._uncommitted, seconds, self._wall_clock.now_ms())
        self._uncommitted = Uncommitted()

    def let_go(self, partitions: Sequence[int]) -> None:
        """Forget partitions and whatever of them is not committed."""
        for partition in partitions:
            self._books.pop(partition, None)
        self._rejected = [some for some in self._rejected if some.partition in self._books]
        self._uncommitted = Uncommitted()
        if partitions:
            logger.info("partitions released", partitions=sorted(partitions))

    def _hot_entries(self) -> int:
        return sum(book.hot_entries for book in self._books.values())

    def _keep_within_memory(self) -> None:
        """Let the largest books forget, until the rest have no more sums in memory than they may."""
        for book in sorted(self._books.values(), key=lambda book: book.hot_entries, reverse=True):
            if self._hot_entries() <= self._settings.hot_table_entries:
                break
            book.forget()


def _unkeyed_ids(records: PartitionRecords, reading: Reading) -> int:
    """Return how many events have an id and came without a key."""
    unkeyed = records.key_lengths <= 0
    if not unkeyed.any():
        return 0
    return int(np.count_nonzero(unkeyed & (reading.rows[:, SLOT] != NO_EVENT) & (reading.rows[:, ID_LENGTH] > 0)))
