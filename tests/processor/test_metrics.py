"""What the processor shows of itself: the names of docs/metrics.md, from the start, and only what is committed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, disable_created_metrics, enable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from processor.fold import Fold
from processor.metrics import PartitionStatus, ProcessorMetrics, ProcessorStatus, StatusCollector, Uncommitted
from processor.moving.metrics import MovingMetrics

TYPES = ("CALL", "MISC")
DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(autouse=True)
def _no_created_series() -> Iterator[None]:
    """As the processor is served."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    yield
    enable_created_metrics()  # type: ignore[no-untyped-call]


def exposition(metrics_of: CollectorRegistry) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = generate_latest(metrics_of).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def registry_with(status: ProcessorStatus | None) -> tuple[CollectorRegistry, ProcessorMetrics]:
    registry = CollectorRegistry()
    metrics = ProcessorMetrics(registry, TYPES)
    registry.register(StatusCollector(lambda: status))
    MovingMetrics(registry)
    return registry, metrics


STATUS = ProcessorStatus(
    (PartitionStatus(3, 1_488_142_855_000, 7, 12), PartitionStatus(4, -1, None, 0)), True, 99, True
)


def test_every_documented_metric_is_there_and_no_other() -> None:
    """The table of the processor in docs/metrics.md is what a scrape shows."""
    section = DOCUMENT.read_text().split("## Processor")[1].split("## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))
    registry, metrics = registry_with(STATUS)
    metrics.observe_fold(1, 0.1)
    text = generate_latest(registry).decode()
    families = {family.name: family.type for family in text_string_to_metric_families(text)}
    shown = {f"{name}_total" if kind == "counter" else name: kind for name, kind in families.items()}
    assert shown == documented


def test_only_what_is_committed_is_counted() -> None:
    """Types and reasons show from the start at 0; a fold counts once its commit does."""
    registry, metrics = registry_with(None)
    uncommitted = Uncommitted()
    uncommitted.add(
        Fold(
            watermark_ms=0,
            accepted=(6, 5, 1, 1),
            late=1,
            rejected={"malformed": 2},
        )
    )
    call = ("billing_processor_events_accepted_total", (("event_type", "CALL"),))
    malformed = ("billing_processor_events_rejected_total", (("reason", "malformed"),))
    assert (exposition(registry)[call], exposition(registry)[malformed]) == (0, 0)
    metrics.count_commit(uncommitted, 0.25, 1_488_142_855_000)
    assert (exposition(registry)[call], exposition(registry)[malformed]) == (5, 2)
    assert exposition(registry)["billing_processor_events_late_total", ()] == 1
    assert exposition(registry)["billing_processor_last_commit_timestamp_seconds", ()] == 1_488_142_855
    assert uncommitted.accepted == (6, 5, 1, 1)


def test_unknown_is_absent_not_zero() -> None:
    """No watermark without events, no lag while the end is not known, no partitions without an application."""
    registry, _ = registry_with(STATUS)
    samples = exposition(registry)
    assert samples["billing_processor_watermark_timestamp_seconds", (("partition", "3"),)] == 1_488_142_855
    assert samples["billing_processor_lag_records", (("partition", "3"),)] == 7
    assert ("billing_processor_watermark_timestamp_seconds", (("partition", "4"),)) not in samples
    assert ("billing_processor_lag_records", (("partition", "4"),)) not in samples
    assert samples["billing_processor_restore_remaining_records", ()] == 99
    empty, _ = registry_with(None)
    assert ("billing_processor_assigned_partitions", ()) not in exposition(empty)
