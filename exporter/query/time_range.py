"""Ranges of time that are asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.web.problems import unprocessable


@dataclass(frozen=True)
class TimeRange:
    """A range of time in milliseconds: inclusive at `from_ms`, exclusive at `to_ms`."""

    from_ms: int
    to_ms: int


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
