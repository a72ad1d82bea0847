"""All metrics that are derived rather than counted, collected from one state without waiting for anything.

Everything about events and money comes from the topics, so it survives a restart of the exporter. While the numbers
are not known it is absent: zero would be a lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import Metric

from exporter.metrics.family import Family, Row, counter, gauge, single
from exporter.metrics.flow import ends, flow
from exporter.metrics.money import limited, money
from exporter.model.asking import ask
from exporter.model.read_model import NOTHING_SHOWN
from exporter.model.state import NotKnownError, State
from exporter.model.view import View
from exporter.web.context import Context


@dataclass(frozen=True)
class Collected:
    """What one state tells.

    Args:
        version: of the state; -1 if the numbers are not known.
        families: the metrics.
        series: how many of the series are money's.
        dropped: how many more the limit has left out.
    """

    version: int
    families: list[Family]
    series: int
    dropped: int


class BillingCollector:
    """Collects; also a collector that prometheus_client can register.

    Args:
        context: of the application.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering this collects nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        for family in [*self.state().families, *self.passing()]:
            yield family.metric()

    def version(self) -> int:
        """Return the version of the state that :meth:`state` would tell of."""
        return self._context.model.shown_version

    def state(self) -> Collected:
        """Return what changes only with the state of the read model."""
        try:
            return ask(self._context.model, self._collected)
        except NotKnownError:
            return Collected(NOTHING_SHOWN, [], 0, 0)

    def _collected(self, view: View) -> Collected:
        settings = self._context.settings
        families, dropped = limited(money(view, settings), settings.series_limit)
        series = sum(len(family.rows) for family in families)
        return Collected(view.version, [*families, *flow(view)], series, dropped)

    def passing(self) -> list[Family]:
        """Return what changes by itself."""
        context = self._context
        model, settings, known = context.model, context.settings, context.input_ends()
        read: list[Row] = [((topic,), number) for topic, number in model.records_read.items()]
        unreadable: list[Row] = [((topic,), number) for topic, number in model.records_unreadable.items()]
        config = (settings.currency, settings.time_zone, str(context.standalone).lower())
        families = [
            single(gauge, "billing_ready", "1 while the numbers are known", int(model.state is State.READY)),
            single(gauge, "billing_kafka_up", "1 while a broker answers", int(known.up)),
            counter("billing_exporter_records_read", "Records read from a topic", ("topic",), read),
            counter("billing_exporter_records_unreadable", "Records that could not be decoded", ("topic",), unreadable),
            gauge("billing_build_info", "Version of this program", ("version",), [((context.version,), 1)]),
            gauge("billing_config_info", "What the numbers mean", ("currency", "time_zone", "standalone"),
                  [(config, 1)]),
        ]  # fmt: skip
        if model.state is State.READY:
            families += ends(known, model.next_offsets())
        return families
