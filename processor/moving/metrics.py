"""What the moving tells of itself."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Lag = Callable[[], Mapping[int, int]]


class MovingMetrics(Collector):
    """Counts records that were moved, and shows how many wait.

    Args:
        registry: where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._moved = Counter(
            "billing_processor_moved_records", "Records moved to the keyed topic and committed.", registry=registry
        )
        self._lag: Lag | None = None
        registry.register(self)

    def count(self, records: int) -> None:
        """Count what a commit has moved."""
        self._moved.inc(records)

    @contextmanager
    def shown(self, lag: Lag) -> Iterator[None]:
        """Show, meanwhile, how many records of each input partition wait."""
        self._lag = lag
        try:
            yield
        finally:
            self._lag = None

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge, a series for each input partition owned."""
        family = GaugeMetricFamily(
            "billing_processor_unmoved_records", "Input records not moved yet.", labels=["partition"]
        )
        lag = self._lag
        for partition, records in sorted(lag().items()) if lag is not None else ():
            family.add_metric([str(partition)], records)
        yield family
