"""What the invoicer tells Prometheus of itself. docs/metrics.md lists every name."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS_BUCKETS = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600)


class InvoicerMetrics:
    """Figures that count from the start of the process.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def name(suffix: str) -> str:
            return f"billing_invoicer_{suffix}"

        self.months_closed = Counter(name("months_closed"), "Months closed.", registry=registry)
        self.invoices_issued = Counter(name("invoices_issued"), "Invoices issued.", registry=registry)
        self.close_duration = Histogram(
            name("close_duration_seconds"), "Time to close a month.", buckets=SECONDS_BUCKETS, registry=registry
        )
        self.closing = Gauge(name("closing"), "1 while a month is being closed.", registry=registry)
        self.months_due = Gauge(
            name("months_due"), "Months past their due time that are not closed.", registry=registry
        )
        self.months_unwritten = Gauge(
            name("months_unwritten"), "Closed months whose files are not complete.", registry=registry
        )
        self.file_failures = Counter(name("file_failures"), "Attempts to write files that failed.", registry=registry)
        self.last_check = Gauge(
            name("last_check_timestamp_seconds"), "Wall clock at the newest look for due months.", registry=registry
        )
        build = Gauge("billing_build_info", "Version of the program.", ["version"], registry=registry)
        build.labels(version("queryable-billing")).set(1)
