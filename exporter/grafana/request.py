"""What Grafana sends to /query, read tolerantly: unknown keys are ignored, and a lost payload is noticed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from exporter.grafana.filters import Filter, read_filters
from exporter.web.problems import unprocessable

MAX_TARGETS = 100
MAX_POINTS = 50_000
_DEFAULT_POINTS = 1_000

Form = Literal["fields", "timeserie", "table"]


@dataclass(frozen=True)
class TimeRange:
    """A range of time in milliseconds: inclusive at `from_ms`, exclusive at `to_ms`."""

    from_ms: int
    to_ms: int


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


def read_range(raw: object) -> TimeRange | None:
    """Return a range of time, None if there is none.

    Raises:
        ProblemError: a time that is none, or a range that ends before it begins.
    """
    if not isinstance(raw, dict) or not raw.get("from") or not raw.get("to"):
        return None
    found = TimeRange(read_time(raw["from"], "range.from"), read_time(raw["to"], "range.to"))
    if found.to_ms < found.from_ms:
        raise unprocessable("bad_range", "the range ends before it begins", "range")
    return found


def read_time(raw: object, name: str) -> int:
    """Return a time in milliseconds: a number of them, or RFC 3339.

    Raises:
        ProblemError: it is neither.
    """
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 16:
        raw = int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 10**15:
        return raw
    if isinstance(raw, str):
        try:
            moment = datetime.fromisoformat(raw)
        except ValueError:
            pass
        else:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return int(aware.replace(microsecond=0).timestamp()) * 1_000 + aware.microsecond // 1_000
    raise unprocessable("bad_range", f"{name} is neither RFC 3339 nor a number of milliseconds", name)


def _positive(raw: object, default: int) -> int:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and raw >= 1:
        return int(min(raw, 10**12))
    return default
