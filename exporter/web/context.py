"""What the endpoints work with: made once for an application, handed to each request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version

from aiohttp import web

from billing.period import MonthCalendar, month_calendar
from billing.runtime.access.gate import Gate
from billing.runtime.part_server import HealthCheck
from billing.settings import Settings
from exporter.model.input_ends import InputEnds
from exporter.model.input_pages import InputPages
from exporter.model.read_model import ReadModel
from exporter.model.visible_delay import VisibleDelay
from exporter.web.own_metrics import OwnMetrics


@dataclass(frozen=True)
class Context:
    """The parts of a running exporter.

    Args:
        settings: of the deployment.
        model: what is known.
        input_ends: tells how far the input topic reaches, without waiting.
        own: what the exporter measures of itself.
        delay: how long events take to become visible.
        standalone: whether the data set is made up.
        more_checks: what its health depends on besides the model and the input; quick.
        input_pages: reads customers' events from the input; None if there is none.
        gate: finds out who asks; by default anybody may see everything.
    """

    settings: Settings
    model: ReadModel
    input_ends: Callable[[], InputEnds]
    own: OwnMetrics
    delay: VisibleDelay
    standalone: bool = False
    more_checks: tuple[Callable[[], HealthCheck], ...] = ()
    input_pages: InputPages | None = None
    gate: Gate = field(default_factory=Gate)

    @cached_property
    def calendar(self) -> MonthCalendar:
        """The billing periods."""
        return month_calendar(self.settings.time_zone)

    @cached_property
    def version(self) -> str:
        """The version of this program."""
        return version("queryable-billing")

    @property
    def links(self) -> dict[str, str]:
        """Where a person finds Prometheus and Grafana."""
        return {"prometheus": self.settings.prometheus_url, "grafana": self.settings.grafana_url}


CONTEXT = web.AppKey("context", Context)


def context_of(request: web.Request) -> Context:
    """Return what an endpoint works with."""
    return request.app[CONTEXT]
