"""The invoicer's metrics and their documentation name the same things."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from invoicer.metrics import InvoicerMetrics

DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"


def test_all_metrics_are_documented() -> None:
    """Each metric is in docs/metrics.md under the invoicer, with its type, and no other is."""
    section = DOCS.read_text("utf-8").split("## Invoicer")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))
    registry = CollectorRegistry()
    InvoicerMetrics(registry)
    found = {(f"{m.name}_total" if m.type == "counter" else m.name, m.type) for m in registry.collect()}
    assert found == documented
    assert all(m.documentation for m in registry.collect())
