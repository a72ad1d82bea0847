"""What `qb budgets` tells Prometheus. docs/metrics.md lists every name."""

from collections.abc import Callable, Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge

from billing.budget import Budget
from billing.currency import metric_suffix
from billing.money import micros_to_float
from billing.notification import Kind, Notification
from billing.notification_ledger import LedgerRecord
from budgets.session import DecidingSession


class BudgetMetrics:
    """Figures of each budget: one series each, however many customers have it.

    Args:
        registry: where they are registered.
        budgets: all that are set.
        currency: of the amounts.
        month: the month that is now.
    """

    def __init__(
        self, registry: CollectorRegistry, budgets: Sequence[Budget], currency: str, month: Callable[[], str]
    ) -> None:
        self._budgets, self._month = budgets, month
        word = metric_suffix(currency)
        amounts = Gauge(f"billing_budget_{word}", "Limit of a month.", ["budget"], registry=registry)
        counts = Gauge("billing_budget_events", "Limit of a month.", ["budget"], registry=registry)
        self._ratio = Gauge(
            "billing_budget_used_ratio",
            "Share of the limit that is used in the current month, of the customer who uses most of it.",
            ["budget"],
            registry=registry,
        )
        self._over = Gauge(
            "billing_budget_customers_over",
            "Customers over a threshold in the current month; all together count as one.",
            ["budget", "threshold"],
            registry=registry,
        )
        self._told = Counter(
            "billing_budgets_notifications",
            "Notifications told since the start.",
            ["budget", "kind"],
            registry=registry,
        )
        self.sessions_lost = Counter(
            "billing_budgets_sessions_lost", "Sessions that were lost and begun anew.", registry=registry
        )
        self._held = Gauge(
            "billing_budgets_held",
            "1 while nothing is decided because the subtotals hold less than before, or a commit is not whole.",
            registry=registry,
        )
        self._last_decision = Gauge(
            "billing_budgets_last_decision_timestamp_seconds",
            "Wall clock when all that was read had been decided.",
            registry=registry,
        )
        build = Gauge("billing_build_info", "Version of the program.", ["version"], registry=registry)
        build.labels(version("queryable-billing")).set(1)
        for budget in budgets:
            limit = amounts if budget.amount is not None else counts
            limit.labels(budget.name).set(micros_to_float(budget.limit) if budget.amount is not None else budget.limit)
            self._ratio.labels(budget.name).set(0)
            for percent in budget.thresholds:
                self._over.labels(budget.name, str(percent)).set(0)
            for kind in Kind:
                self._told.labels(budget.name, kind.value)

    def count(self, record: LedgerRecord) -> None:
        """Count a record that this process has written, if it is a notification."""
        if isinstance(record, Notification):
            self._told.labels(record.threshold.budget, record.kind.value).inc()

    def show(self, session: DecidingSession, now_seconds: float) -> None:
        """Show how much is used, and whether all of it is decided."""
        month = self._month()
        for budget in self._budgets:
            used = session.usage.used_by(budget.name, month)
            self._ratio.labels(budget.name).set(max(used.values(), default=0) / budget.limit)
            for percent in budget.thresholds:
                over = session.ledger.told.count_over(budget.name, month, percent)
                self._over.labels(budget.name, str(percent)).set(over)
        self._held.set(session.decider.is_held)
        if not session.decider.is_held:
            self._last_decision.set(now_seconds)
