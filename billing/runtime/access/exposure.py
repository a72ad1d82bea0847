"""Says of an HTTP server whether strangers on the network can read what it serves."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from billing.access.hosts import is_loopback
from billing.runtime.logs import get_logger

logger = get_logger(__name__)

RUNBOOK = "docs/runbook.md#billingaccessopen"


def show_exposure(registry: CollectorRegistry, host: str, setting: str, is_controlled: Callable[[], bool]) -> None:
    """Show `billing_access_control`, and warn once if it is 0.

    Args:
        registry: where the metric is shown.
        host: address that the server listens on.
        setting: the name of the setting that it comes from.
        is_controlled: asked at each scrape: whether one has to show who one is.
    """
    is_local = is_loopback(host)
    gauge = Gauge("billing_access_control", "0 while anybody on the network may read this", registry=registry)
    gauge.set_function(lambda: float(is_local or is_controlled()))
    if not is_local and not is_controlled():
        logger.warning(
            "whoever reaches this address may read everything it serves: turn access control on, or listen on this "
            "machine only",
            listens_on=host,
            setting=setting,
            see=RUNBOOK,
        )
