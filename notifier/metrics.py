"""What `qb notify` tells Prometheus. docs/metrics.md lists every name."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge

from notifier.outbox import Outbox
from notifier.retrying import Failure, Outcome


class NotifierMetrics:
    """Figures of sending; gauges are of the ledger, counters from the start of the process.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"billing_notifier_{name}", meaning, registry=registry)

        self._delivered = Counter(
            "billing_notifier_delivered",
            "Notifications that the receiver has taken since the start.",
            registry=registry,
        )
        self._failed = Counter(
            "billing_notifier_tries_failed", "Tries that failed since the start.", ["reason"], registry=registry
        )
        self._waiting = gauge("waiting", "Notifications that are neither delivered nor given up.")
        self._given_up = gauge("given_up", "Notifications that were given up.")
        self._oldest = gauge("oldest_waiting_seconds", "Age of the oldest notification that waits; 0 if none does.")
        self._quiet = gauge("quiet", "1 while the receiver has asked to be left alone.")
        build = Gauge("billing_build_info", "Version of the program.", ["version"], registry=registry)
        build.labels(version("queryable-billing")).set(1)
        for failure in Failure:
            self._failed.labels(failure.value)

    def count(self, outcome: Outcome) -> None:
        """Count a try."""
        if outcome.failure is None:
            self._delivered.inc()
        else:
            self._failed.labels(outcome.failure.value).inc()

    def show(self, outbox: Outbox, now_ms: int) -> None:
        """Show what waits."""
        decided_ms = outbox.oldest_decided_ms()
        self._waiting.set(outbox.waiting)
        self._given_up.set(outbox.given_up)
        self._oldest.set(0 if decided_ms is None else max(0, now_ms - decided_ms) / 1_000)
        self._quiet.set(outbox.quiet_until_ms > now_ms)
