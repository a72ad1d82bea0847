"""What the moving tells of itself: the two metrics that docs/metrics.md lists."""

from prometheus_client import CollectorRegistry, generate_latest

from processor.moving.metrics import MovingMetrics
from tests.promql import documented_metrics


def test_what_is_moved_and_what_waits() -> None:
    """The counter is there from the start; a partition's series goes with the partition."""
    registry = CollectorRegistry()
    metrics = MovingMetrics(registry)
    assert "billing_processor_moved_records_total 0.0" in generate_latest(registry).decode()
    metrics.count(7)
    with metrics.shown(lambda: {3: 5, 0: 0}):
        text = generate_latest(registry).decode()
    assert "billing_processor_moved_records_total 7.0" in text
    assert 'billing_processor_unmoved_records{partition="0"} 0.0' in text
    assert 'billing_processor_unmoved_records{partition="3"} 5.0' in text
    assert "partition=" not in generate_latest(registry).decode()
    known = documented_metrics()
    assert known["billing_processor_moved_records_total"].kind == "counter"
    assert known["billing_processor_unmoved_records"].labels == {"partition"}
