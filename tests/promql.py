"""Reads PromQL, and docs/metrics.md: the table of all metrics that an expression may use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import promql_parser
import yaml

ROOT = Path(__file__).parent.parent

# What Prometheus adds to every series, and what it says of itself.
TARGET_LABELS = frozenset({"job", "instance"})
OF_PROMETHEUS = {
    "up": frozenset[str](),
    "ALERTS": frozenset({"alertname", "alertstate", "severity"}),
    "prometheus_target_scrapes_exceeded_sample_limit_total": frozenset[str](),
    "prometheus_target_scrapes_exceeded_body_size_limit_total": frozenset[str](),
    "prometheus_rule_evaluation_failures_total": frozenset({"rule_group"}),
}
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h", "$job": ".+"}

_WRAPPERS = (
    promql_parser.AggregateExpr,
    promql_parser.ParenExpr,
    promql_parser.UnaryExpr,
    promql_parser.SubqueryExpr,
)
_ROW = re.compile(r"\| `(?P<name>[a-z_]+)` \| (?P<kind>gauge|counter|histogram) \|(?P<labels>[a-z_, ]*)\|")


@dataclass(frozen=True)
class Metric:
    """A line of docs/metrics.md."""

    name: str
    kind: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Selector:
    """A metric as an expression selects it, with the labels it matches on."""

    name: str
    labels: frozenset[str]


class UnknownSeriesError(AssertionError):
    """An expression that uses a metric or a label that no part shows."""


@cache
def documented_metrics() -> dict[str, Metric]:
    """Return the metrics of docs/metrics.md by name."""
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    metrics: dict[str, Metric] = {}
    for row in _ROW.finditer(text):
        labels = frozenset(label.strip() for label in row["labels"].split(",") if label.strip())
        metrics[row["name"]] = Metric(row["name"], row["kind"], labels)
    return metrics


@cache
def recorded_series() -> dict[str, frozenset[str]]:
    """Return what the recording rules make, with the labels that the first part of its name promises."""
    series = {}
    for path in sorted((ROOT / "prometheus" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            for rule in group["rules"]:
                if name := rule.get("record"):
                    level = name.split(":")[0]
                    series[name] = frozenset[str]() if level == "billing" else frozenset({level})
    return series


@cache
def series_labels() -> dict[str, frozenset[str]]:
    """Return every series name that an expression may select, with its labels."""
    series = dict(OF_PROMETHEUS) | recorded_series()
    for metric in documented_metrics().values():
        if metric.kind == "histogram":
            series[f"{metric.name}_bucket"] = metric.labels | {"le"}
            series[f"{metric.name}_sum"] = series[f"{metric.name}_count"] = metric.labels
        else:
            series[metric.name] = metric.labels
    return {name: labels | TARGET_LABELS for name, labels in series.items()}


def interpolate(expression: str) -> str:
    """Return the expression with Grafana's variables replaced."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, f"a variable is left in {expression}"
    return expression


def check(expression: str) -> list[Selector]:
    """Parse an expression, check that all it names exists, and return what it selects.

    Raises:
        ValueError: the expression is no PromQL, or its types don't fit.
        UnknownSeriesError: a metric or a label is not in docs/metrics.md.
    """
    found: list[Selector] = []
    _labels_below(promql_parser.parse(expression), found)
    return found


def _labels_below(node: promql_parser.Expr, found: list[Selector]) -> frozenset[str]:
    """Return the labels that the result of a node may have, checking the node on the way."""
    if isinstance(node, promql_parser.VectorSelector):
        return _select(node, found)
    if isinstance(node, promql_parser.MatrixSelector):
        return _select(node.vector_selector, found)
    if isinstance(node, promql_parser.BinaryExpr):
        left, right = _labels_below(node.lhs, found), _labels_below(node.rhs, found)
        if node.modifier and node.modifier.matching:
            _demand(set(node.modifier.matching.labels), left & right, "on (...)")
        return left | right
    below: frozenset[str] = frozenset()
    for child in _children(node):
        below |= _labels_below(child, found)
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
        _demand(set(node.modifier.labels), below, "by (...)")
        return frozenset(node.modifier.labels)
    return below


def _children(node: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    if isinstance(node, promql_parser.Call):
        yield from node.args
    elif isinstance(node, _WRAPPERS):
        yield node.expr


def _select(node: promql_parser.VectorSelector, found: list[Selector]) -> frozenset[str]:
    known = series_labels()
    matchers = {matcher.name: matcher for matcher in node.matchers.matchers}
    if node.name is None:
        pattern = re.compile(matchers["__name__"].value)
        names = [name for name in known if pattern.fullmatch(name)]
    else:
        names = [node.name] if node.name in known else []
    if not names:
        raise UnknownSeriesError(f"no part shows {node.name or matchers['__name__'].value}")
    for name in names:
        _demand(matchers.keys() - {"__name__"}, known[name], name)
        found.append(Selector(name, frozenset(matchers)))
    return frozenset[str]().union(*(known[name] for name in names))


def _demand(labels: set[str], present: frozenset[str], where: str) -> None:
    if missing := labels - present:
        raise UnknownSeriesError(f"{where} has no label {', '.join(sorted(missing))}")
