"""The targets: their names, what each takes and which filters it can follow. All faces share this table."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.datasource import annotations, invoices, operations, series, tables
from exporter.datasource.frames import Frame
from exporter.datasource.request import Query, Target
from exporter.model.view import View
from exporter.query.asked import Asked
from exporter.query.filters import KEYS, require_keys
from exporter.web.context import Context
from exporter.web.problems import unprocessable

_SERIES_KEYS = ("type", "bucket", "combined")
_SERIES_FILTERS = ("type", "month")
_MADE_UP = ("info", "made-up data: the exporter runs with --standalone")


@dataclass(frozen=True)
class TargetSpec:
    """A target.

    Args:
        name: what a query calls it.
        label: what a person is shown.
        make: answers it.
        keys: what its payload may hold.
        filters: the keys of ad hoc filters that it can follow; None takes all and follows none.
        series: whether it is a series.
    """

    name: str
    label: str
    make: Callable[[Asked], list[Frame]]
    keys: tuple[str, ...] = ()
    filters: tuple[str, ...] | None = ()
    series: bool = False


TARGETS = {spec.name: spec for spec in (
    TargetSpec("revenue", "Revenue over event time, by type", series.revenue, _SERIES_KEYS, _SERIES_FILTERS, True),
    TargetSpec("revenue_cumulative", "Revenue since the month's start, by type", series.revenue_cumulative,
               _SERIES_KEYS, _SERIES_FILTERS, True),
    TargetSpec("events", "Events over event time, by type", series.events, _SERIES_KEYS, _SERIES_FILTERS, True),
    TargetSpec("average_price", "Average price over event time, by type", series.average_price,
               _SERIES_KEYS, _SERIES_FILTERS, True),
    TargetSpec("customer_revenue", "Revenue of customers, by month", series.customer_revenue,
               ("customer", "type", "month"), KEYS, True),
    TargetSpec("totals", "A month in one row, against the month before", tables.totals, ("month", "type"), KEYS),
    TargetSpec("types", "A month by type", tables.types, ("month", "type"), KEYS),
    TargetSpec("customers", "The customers with the highest revenue", tables.customers,
               ("month", "type", "prefix", "sort", "limit"), KEYS),
    TargetSpec("customer", "Customers by month and type", tables.customer,
               ("customer", "type", "month", "limit"), KEYS),
    TargetSpec("months", "All months", tables.months, ("month", "type"), KEYS),
    TargetSpec("invoices", "Issued invoices", invoices.invoices, ("month", "customer", "limit"), ("customer", "month")),
    TargetSpec("rejected", "Rejected records by reason", operations.rejected),
    TargetSpec("freshness", "How far each input partition is counted", operations.freshness),
    TargetSpec("annotations", "Where months end", annotations.annotations, ("at",), None),
)}  # fmt: skip


def answer(context: Context, view: View, query: Query, target: Target) -> list[Frame]:
    """Return the frames of one query.

    Raises:
        ProblemError: there is no such target, or what is asked of it makes no sense.
    """
    spec = TARGETS.get(target.name)
    if spec is None:
        raise unprocessable("unknown_target", f"{target.name[:60]!r} is not one of {', '.join(TARGETS)}", "target")
    if spec.filters is not None:
        require_keys(query.filters, spec.filters, spec.name)
    asked = Asked(
        context, view, target.name, target.payload, query.range, query.filters, query.max_points, query.interval_ms
    )
    frames = spec.make(asked)
    told = [*_unused_keys(spec, target), *([_MADE_UP] if context.standalone else [])]
    if told and frames:
        frames[0] = replace(frames[0], notices=[*frames[0].notices, *told])
    return frames


def _unused_keys(spec: TargetSpec, target: Target) -> list[tuple[str, str]]:
    """Tell of keys that have no effect: one of them may be another one misspelt."""
    unused = sorted(str(key)[:40] for key in target.payload if key not in spec.keys)
    return [("warning", f"{spec.name} has no use for payload.{key}") for key in unused[:3]]
