"""The metrics of `qb budgets`: one series for each budget, whatever is used, and all of them documented."""

import re
from pathlib import Path
from random import Random

from prometheus_client import CollectorRegistry

from billing.budget import Budget
from billing.claim import Claim
from budgets.ledger import Ledger
from budgets.metrics import BudgetMetrics
from budgets.session import open_session
from tests.budgets.model import Event
from tests.budgets.world import FaultyWriter, Feed, Log, Reader, Subtotals

DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"
MONTH = "2026-01"
BUDGETS = [
    Budget(name="all", amount="1000.5", thresholds=(50, 100)),
    Budget(name="each", customer="*", count=4, thresholds=(50, 100)),
    Budget(name="nobody", customer="Nobody", amount="1"),
]


def test_all_metrics_are_documented() -> None:
    """Each metric is in docs/metrics.md under the budgets, with its type, and no other is."""
    section = DOCS.read_text("utf-8").split("## Budgets")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE))
    registry = CollectorRegistry()
    BudgetMetrics(registry, BUDGETS, "EUR", lambda: MONTH)
    found = {(f"{m.name}_total" if m.type == "counter" else m.name, m.type) for m in registry.collect()}
    assert found == documented
    assert all(m.documentation for m in registry.collect())


def shown(registry: CollectorRegistry) -> dict[tuple[str, str, str], float]:
    """Return what a scrape shows: metric, budget and the other label -> value."""
    return {
        (sample.name, sample.labels["budget"], sample.labels.get("threshold") or sample.labels.get("kind") or ""): (
            sample.value
        )
        for metric in registry.collect()
        for sample in metric.samples
        if "budget" in sample.labels and not sample.name.endswith("_created")
    }


def test_each_budget_is_there_from_the_start() -> None:
    """Before anything is read, and in another currency under its name."""
    registry = CollectorRegistry()
    BudgetMetrics(registry, BUDGETS, "USD", lambda: MONTH)
    values = shown(registry)
    assert values["billing_budget_usd", "all", ""] == 1000.5
    assert values["billing_budget_events", "each", ""] == 4
    assert {key[1]: value for key, value in values.items() if key[0] == "billing_budget_used_ratio"} == {
        "all": 0,
        "each": 0,
        "nobody": 0,
    }
    assert sum(key[0] == "billing_budget_customers_over" for key in values) == 5


def test_a_thousand_customers_are_one_series() -> None:
    """It shows the one who uses most, and how many are over; other months do not count."""
    registry, log, subtotals = CollectorRegistry(), Log(), Subtotals()
    metrics = BudgetMetrics(registry, BUDGETS, "EUR", lambda: MONTH)
    session = open_session(
        Ledger(Reader(log), FaultyWriter(log, Random(1), lambda: 0), metrics.count),
        Feed(subtotals), Claim("ledger"), BUDGETS, "EUR", lambda: MONTH, lambda: 1,
    )  # fmt: skip
    before = len(shown(registry))
    subtotals.commit(0, [Event(0, MONTH, f"C{n}", "CALL", 250_000) for n in range(1_000) for _ in range(1 + n % 3)])
    subtotals.commit(1, [Event(1, "2026-02", "C1", "CALL", 10**9) for _ in range(9)])
    session.begin()
    metrics.show(session, 1_000.0)
    values = shown(registry)
    assert len(values) == before
    assert values["billing_budget_used_ratio", "each", ""] == 0.75
    assert values["billing_budget_used_ratio", "all", ""] == 1_999 * 0.25 / 1000.5
    assert values["billing_budget_customers_over", "each", "50"] == 666
    assert values["billing_budget_customers_over", "each", "100"] == 0
    assert values["billing_budgets_notifications_total", "each", "triggered"] == 666 + 2
    assert registry.get_sample_value("billing_budgets_last_decision_timestamp_seconds") == 1_000
    assert registry.get_sample_value("billing_budgets_held") == 0
