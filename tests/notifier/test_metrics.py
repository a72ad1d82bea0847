"""The metrics of `qb notify` and their documentation name the same things."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from notifier.metrics import NotifierMetrics
from notifier.outbox import Outbox
from notifier.retrying import Failure, Outcome, RetryRule
from tests.notifier.receiver import LEDGER, notification

DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"


def test_all_metrics_are_documented() -> None:
    """Each metric is in docs/metrics.md under the notifier, with its type, and no other is."""
    section = DOCS.read_text("utf-8").split("## Notifier")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))
    registry = CollectorRegistry()
    NotifierMetrics(registry)
    found = {(f"{m.name}_total" if m.type == "counter" else m.name, m.type) for m in registry.collect()}
    assert found == documented
    assert all(m.documentation for m in registry.collect())


def test_what_waits_is_shown() -> None:
    """How many, how old the oldest is, and whether the receiver wants to be left alone."""
    registry = CollectorRegistry()
    metrics, outbox = NotifierMetrics(registry), Outbox(LEDGER, RetryRule(1, 60, 60), lambda: 0.0)

    def shown(name: str) -> float | None:
        metrics.show(outbox, 10_000)
        return registry.get_sample_value(f"billing_notifier_{name}")

    assert [shown(name) for name in ("waiting", "oldest_waiting_seconds", "quiet", "given_up")] == [0, 0, 0, 0]
    outbox.read(notification("Ada", 3))
    outbox.read(notification("Bob", 2))
    pending = outbox.take(0)
    assert pending is not None
    outbox.settle(pending, Outcome(Failure.GONE, "", 50), 10_000)
    assert [shown(name) for name in ("waiting", "oldest_waiting_seconds", "quiet", "given_up")] == [1, 8, 1, 1]
