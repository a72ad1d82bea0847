"""What Grafana sends to /query, read tolerantly: unknown keys are ignored, and a lost payload is noticed."""

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from exporter.query.filters import Filter, read_filters
from exporter.query.time_range import TimeRange, read_range
from exporter.web.problems import unprocessable

MAX_TARGETS = 100
MAX_POINTS = 50_000
_DEFAULT_POINTS = 1_000

Form = Literal["fields", "timeserie", "table"]


@dataclass(frozen=True)
class Target:
    """One query of a panel.

    Args:
        name: the target.
        ref_id: how the panel calls it; echoed in each frame.
        payload: its keys.
        form: what the answer is to look like.
    """

    name: str
    ref_id: str
    payload: dict[str, Any]
    form: Form


@dataclass(frozen=True)
class Query:
    """A request of a panel.

    Args:
        targets: its queries.
        range: the time shown; None if it names none.
        max_points: how many points a series may have.
        interval_ms: the shortest bucket worth showing.
        filters: the ad hoc filters.
    """

    targets: list[Target]
    range: TimeRange | None
    max_points: int
    interval_ms: int
    filters: list[Filter]


def read_query(body: dict[str, Any]) -> Query:
    """Return what the body of a /query asks.

    Raises:
        ProblemError: it makes no sense.
    """
    targets = body.get("targets") or []
    if not isinstance(targets, list) or len(targets) > MAX_TARGETS:
        raise unprocessable("bad_payload", f"targets is not a list of at most {MAX_TARGETS}", "targets")
    return Query(
        targets=[read_target(target) for target in targets if isinstance(target, dict) and target.get("target")],
        range=read_range(body.get("range")),
        max_points=min(_positive(body.get("maxDataPoints"), _DEFAULT_POINTS), MAX_POINTS),
        interval_ms=_positive(body.get("intervalMs"), 1),
        filters=read_filters(body),
    )


def read_target(raw: dict[str, Any]) -> Target:
    """Return one query of a panel."""
    form = raw.get("type")
    return Target(
        name=str(raw["target"]),
        ref_id=str(raw.get("refId") or "A"),
        payload=read_payload(raw.get("payload", raw.get("data"))),
        form=form if form in ("timeserie", "table") else "fields",
    )


def read_payload(raw: object) -> dict[str, Any]:
    """Return a payload, which may be an object, the same as JSON text, empty or absent.

    Raises:
        ProblemError: it is something else.
    """
    if isinstance(raw, str) and raw.strip():
        try:
            raw = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise unprocessable("bad_payload", "the payload is not JSON", "payload") from None
    if raw is None or raw == "":
        return {}
    if isinstance(raw, str) and not raw.strip():
        return {}
    if not isinstance(raw, dict):
        raise unprocessable("bad_payload", "the payload is not a JSON object", "payload")
    return raw


def _positive(raw: object, default: int) -> int:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and raw >= 1:
        return int(min(raw, 10**12))
    return default
