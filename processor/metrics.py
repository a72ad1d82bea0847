"""What the processor tells Prometheus of itself. docs/metrics.md lists every name."""

from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from billing.event import Reason
from billing.sums import NO_SUMS, Sums, TypeTable, plus
from processor.fold import Fold

FOLD_RECORDS_BUCKETS = (1, 10, 100, 1_000, 10_000, 50_000, 100_000, 200_000, 500_000)
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass
class Uncommitted:
    """What was folded and produced since the last commit."""

    accepted: Sums = NO_SUMS
    rejected: Count[str] = field(default_factory=Count)
    late: int = 0
    exact: int = 0
    published: int = 0
    duplicates: int = 0
    voids: int = 0
    replaces: int = 0
    unkeyed_ids: int = 0

    def add(self, fold: Fold) -> None:
        """Take in what a fold accepted and rejected."""
        self.accepted = plus(self.accepted, fold.accepted)
        self.rejected.update(fold.rejected)
        self.duplicates += fold.duplicates
        self.voids += fold.voids
        self.replaces += fold.replaces
        self.late += fold.late
        self.exact += fold.exact


class ProcessorMetrics:
    """Counters and histograms that count from the start of the process, and only what is committed.

    Args:
        registry: where they are registered.
        types: the event types, each shown from the start.
    """

    def __init__(self, registry: CollectorRegistry, types: Iterable[str]) -> None:
        def name(suffix: str) -> str:
            return f"billing_processor_{suffix}"

        self._accepted = Counter(
            name("events_accepted"), "Events counted and committed.", ["event_type"], registry=registry
        )
        self._rejected = Counter(
            name("events_rejected"), "Events rejected and committed.", ["reason"], registry=registry
        )
        self._late = Counter(name("events_late"), "Late events counted and committed.", registry=registry)
        self._exact = Counter(
            name("records_read_exactly"), "Records that the kernel left to the exact path.", registry=registry
        )
        self._duplicates = Counter(
            name("events_duplicate"), "Events whose id was counted before, with the same content.", registry=registry
        )
        self._voids = Counter(name("voids"), "Records that took an event back, committed.", registry=registry)
        self._replaces = Counter(
            name("replacements"), "Events that took the place of another, committed.", registry=registry
        )
        self._unkeyed_ids = Counter(
            name("unkeyed_ids"),
            "Events with an id that came without a key: a repeat may land in another partition and count again.",
            registry=registry,
        )
        self._published = Counter(name("subtotals_published"), "Subtotal records committed.", registry=registry)
        self._fold_records = Histogram(
            name("fold_records"), "Records per fold.", buckets=FOLD_RECORDS_BUCKETS, registry=registry
        )
        self._fold_seconds = Histogram(
            name("fold_duration_seconds"), "Time of a fold.", buckets=SECONDS_BUCKETS, registry=registry
        )
        self._commit_seconds = Histogram(
            name("commit_duration_seconds"),
            "Time of a commit: State, subtotals and transaction.",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self._last_commit = Gauge(
            name("last_commit_timestamp_seconds"), "Wall clock at the newest commit.", registry=registry
        )
        build = Gauge("billing_build_info", "Version of the program.", ["version"], registry=registry)
        build.labels(version("queryable-billing")).set(1)
        self._types = TypeTable(types)
        for type_ in self._types.names:
            self._accepted.labels(type_)
        for reason in [reason for reason in Reason if reason is not Reason.DUPLICATE]:
            self._rejected.labels(reason.value)

    def observe_fold(self, events: int, seconds: float) -> None:
        """Note the size and the time of a fold."""
        self._fold_records.observe(events)
        self._fold_seconds.observe(seconds)

    def count_commit(self, counts: Uncommitted, seconds: float, now_ms: int) -> None:
        """Count what a commit made final, and note its time."""
        for type_, (_, count) in self._types.unpack(counts.accepted).items():
            self._accepted.labels(type_).inc(count)
        for reason, count in counts.rejected.items():
            self._rejected.labels(reason).inc(count)
        self._late.inc(counts.late)
        self._exact.inc(counts.exact)
        self._published.inc(counts.published)
        self._duplicates.inc(counts.duplicates)
        self._voids.inc(counts.voids)
        self._replaces.inc(counts.replaces)
        self._unkeyed_ids.inc(counts.unkeyed_ids)
        self._commit_seconds.observe(seconds)
        self._last_commit.set(now_ms / 1_000)


@dataclass(frozen=True)
class PartitionStatus:
    """One owned input partition.

    Args:
        partition: its number.
        watermark_ms: its highest event time, -1 for none.
        lag_records: its records not counted yet, None if unknown.
        hot_entries: sums in memory.
        ids: ids known.
        ids_memory_bytes: what they take in memory.
        ids_disk_bytes: what they take on disk besides State.
    """

    partition: int
    watermark_ms: int
    lag_records: int | None
    hot_entries: int
    ids: int = 0
    ids_memory_bytes: int = 0
    ids_disk_bytes: int = 0


@dataclass(frozen=True)
class ProcessorStatus:
    """The processor as it is now."""

    partitions: tuple[PartitionStatus, ...]
    recovering: bool
    restore_remaining_records: int
    reads_natively: bool


class StatusCollector(Collector):
    """Reads the processor's status at each scrape, so that a partition that goes takes its series along.

    Args:
        status: returns it, or None while there is no application; then nothing is shown.
    """

    def __init__(self, status: Callable[[], ProcessorStatus | None]) -> None:
        self._status = status

    def describe(self) -> Iterable[Metric]:
        """Return nothing: asking for the status at registration would be too early."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of the partitions owned."""
        status = self._status()
        if status is None:
            return
        prefix = "billing_processor_"
        owned = status.partitions
        yield GaugeMetricFamily(f"{prefix}assigned_partitions", "Input partitions owned.", value=len(owned))
        yield GaugeMetricFamily(f"{prefix}recovering", "1 while State is restored.", value=float(status.recovering))
        yield GaugeMetricFamily(
            f"{prefix}restore_remaining_records",
            "Changelog records still to be read back; 0 unless recovering.",
            value=status.restore_remaining_records,
        )
        yield GaugeMetricFamily(
            f"{prefix}native_reading", "1 while records are read where they lie.", value=float(status.reads_natively)
        )
        hot_entries = sum(partition.hot_entries for partition in owned)
        yield GaugeMetricFamily(
            f"{prefix}hot_entries", "Sums in memory: of customers and months, and of hours.", value=hot_entries
        )
        yield GaugeMetricFamily(
            f"{prefix}known_ids", "Ids within the window.", value=sum(partition.ids for partition in owned)
        )
        yield GaugeMetricFamily(
            f"{prefix}known_ids_memory_bytes",
            "Memory that the known ids take.",
            value=sum(partition.ids_memory_bytes for partition in owned),
        )
        yield GaugeMetricFamily(
            f"{prefix}known_ids_disk_bytes",
            "Disk that they take besides State: those that dedup_memory_bytes has no room for.",
            value=sum(partition.ids_disk_bytes for partition in owned),
        )
        watermark = GaugeMetricFamily(
            f"{prefix}watermark_timestamp_seconds", "Highest event time.", labels=["partition"]
        )
        lag = GaugeMetricFamily(f"{prefix}lag_records", "Input records not counted yet.", labels=["partition"])
        for partition in owned:
            if partition.watermark_ms >= 0:
                watermark.add_metric([str(partition.partition)], partition.watermark_ms / 1_000)
            if partition.lag_records is not None:
                lag.add_metric([str(partition.partition)], partition.lag_records)
        yield watermark
        yield lag
