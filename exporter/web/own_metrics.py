"""What the exporter measures of itself: answer times, and how long events take to show."""

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics

# A page of customers takes well under a millisecond; a first ranking of a million customers seconds.
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# The commit interval (0.5 s) bounds the delay from below; what is behind takes minutes.
_DELAY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class OwnMetrics:
    """The metrics that are counted as things happen.

    Args:
        registry: where they register; one application has one of its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # When a histogram began needs no series of its own. The switch is the whole process's; there is no other.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self._requests = Histogram(
            "billing_exporter_http_request_duration_seconds",
            "Time to answer a request",
            ("route", "method", "code"),
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        # Finding a series by its labels takes longer than counting.
        self._series: dict[tuple[str, str, int], Histogram] = {}
        self._delay = Histogram(
            "billing_visible_delay_seconds",
            "From Kafka taking the oldest event of a commit to its total being served",
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )

    def observe_request(self, route: str, method: str, code: int, seconds: float) -> None:
        """Count an answer."""
        series = self._series.get((route, method, code))
        if series is None:
            series = self._series[route, method, code] = self._requests.labels(route, method, str(code))
        series.observe(seconds)

    def observe_delay(self, seconds: float) -> None:
        """Count a commit that has become visible."""
        self._delay.observe(seconds)
