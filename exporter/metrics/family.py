"""One metric with all its series: what is collected, before it takes the form of an exposition."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client.core import Metric

Number = int | float
Row = tuple[tuple[str, ...], Number]


class Kind(StrEnum):
    """The types of metrics collected here."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True)
class Family:
    """A metric.

    Args:
        name: without ``_total``.
        kind: gauge or counter.
        help: what it means, in a few words.
        labels: the names of its labels.
        rows: (label values, value) of each series.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    rows: list[Row]

    @property
    def sample_name(self) -> str:
        """The name that its series have."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name

    def metric(self) -> Metric:
        """Return it as prometheus_client knows it."""
        metric = Metric(self.name, self.help, self.kind.value)
        for values, number in self.rows:
            metric.add_sample(self.sample_name, dict(zip(self.labels, values, strict=True)), number)
        return metric


def gauge(name: str, text: str, labels: tuple[str, ...], rows: Iterable[Row]) -> Family:
    """Return a gauge."""
    return Family(name, Kind.GAUGE, text, labels, list(rows))


def counter(name: str, text: str, labels: tuple[str, ...], rows: Iterable[Row]) -> Family:
    """Return a counter; `name` has no ``_total``."""
    return Family(name, Kind.COUNTER, text, labels, list(rows))


def single(make: Callable[..., Family], name: str, text: str, number: Number) -> Family:
    """Return a metric of one series without labels."""
    return make(name, text, (), [((), number)])
