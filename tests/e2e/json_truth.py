"""What the JSON data source must answer, worked out from the truth about the generated events."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from generator.expected import ExpectedTotals
from tests.e2e.simpod import Json, rows_of

# Two numbers that were made of the same micros; a cent of a large sum is far above it.
TOLERANCE = 1e-6

Sums = tuple[int, int]


@dataclass(frozen=True)
class Asked:
    """A target as it was sent, its payload interpolated, and what is true.

    Args:
        target: its name.
        payload: its keys.
        expected: the totals of all events.
        closed: the months that are invoiced.
    """

    target: str
    payload: dict[str, str]
    expected: ExpectedTotals
    closed: frozenset[str]

    @property
    def all_months(self) -> list[str]:
        """The months that have events."""
        return sorted({month for month, _, _ in self.expected.customers})

    def months(self, default: str) -> set[str]:
        """Return the months asked for."""
        match self.payload.get("month", default):
            case "newest":
                return {self.all_months[-1]}
            case "All":
                return set(self.all_months)
            case month:
                return {month}

    def sums(self, month: str = "", customer: str = "", type_: str = "") -> Sums:
        """Return [micros, events] of a month, customer and type; an empty one stands for all, but for those asked."""
        type_ = type_ or self.payload.get("type", "")
        found = [
            sums
            for (m, c, t), sums in self.expected.customers.items()
            if month in ("", m) and customer in ("", c) and type_ in ("", t)
        ]
        return sum(micros for micros, _ in found), sum(count for _, count in found)


def check_answer(asked: Asked, frames: list[Json]) -> None:
    """Check that an answer is right.

    Raises:
        AssertionError: it is not.
    """
    _CHECKS[asked.target](asked, frames)


def _check_month_rows(asked: Asked, frames: list[Json]) -> None:
    rows = _only_rows(frames)
    default = "newest" if asked.target == "totals" else "All"
    assert {row["month"] for row in rows} == asked.months(default)
    for row in rows:
        _check_money(row, asked.sums(month=row["month"]))
        _check_status(row, asked)


def _check_type_rows(asked: Asked, frames: list[Json]) -> None:
    rows = _only_rows(frames)
    assert {row["month"] for row in rows} == asked.months("newest")
    for row in rows:
        assert row["type"] == asked.payload.get("type", row["type"])
        _check_money(row, asked.sums(month=row["month"], type_=row["type"]))


def _check_top_customers(asked: Asked, frames: list[Json]) -> None:
    rows = _only_rows(frames)
    (month,) = asked.months("newest")
    totals = {customer: asked.sums(month, customer) for m, customer, _ in asked.expected.customers if m == month}
    highest = sorted((name for name, (_, count) in totals.items() if count), key=lambda name: (-totals[name][0], name))[
        : int(asked.payload["limit"])
    ]
    assert [row["customer"] for row in rows] == highest
    for row in rows:
        _check_money(row, totals[row["customer"]])
        _near(row["share"], totals[row["customer"]][0] / asked.sums(month)[0])


def _check_customer(asked: Asked, frames: list[Json]) -> None:
    rows = _only_rows(frames)
    customer = asked.payload["customer"]
    assert {row["customer"] for row in rows} == {customer}
    wanted = {(m, t) for m, c, t in asked.expected.customers if c == customer and m in asked.months("All")}
    assert {(row["month"], row["type"]) for row in rows} == wanted
    for row in rows:
        _check_money(row, asked.sums(row["month"], customer, row["type"]))
        _check_status(row, asked)


def _check_invoices(asked: Asked, frames: list[Json]) -> None:
    rows = _only_rows(frames)
    assert rows
    assert {row["month"] for row in rows} <= asked.closed
    for row in rows:
        assert row["customer"] == asked.payload.get("customer", row["customer"])
        micros, count = asked.sums(row["month"], row["customer"])
        assert row["events"] == count
        # Each line is rounded on its own, half a cent at most, and takes over as much from the month before.
        assert abs(row["amount"] - micros / 1e6) <= 0.01 * 5


def _check_rejected(asked: Asked, frames: list[Json]) -> None:
    rejected = {row["reason"]: row["records"] for row in _only_rows(frames) if row["records"]}
    assert rejected == dict(asked.expected.rejected)


def _check_freshness(asked: Asked, frames: list[Json]) -> None:
    rows = _only_rows(frames)
    assert sum(row["accepted"] for row in rows) == asked.expected.accepted
    assert sum(row["rejected"] for row in rows) == asked.expected.rejected.total()
    assert {row["lag"] for row in rows} == {0}
    assert max(row["watermark"] for row in rows) == asked.expected.newest_ms


def _check_annotations(asked: Asked, frames: list[Json]) -> None:
    rows = _only_rows(frames)
    calendar = asked.expected.calendar
    ended = [month for month in asked.all_months if month < asked.all_months[-1]]
    assert {calendar.bounds_ms(month)[1] for month in ended} <= {row["time"] for row in rows}
    assert all(row["title"] and row["text"] for row in rows)


def _check_series(asked: Asked, frames: list[Json], value: Callable[[Sums], float | None], running: bool) -> None:
    expected_types = {t for _, _, t in asked.expected.customers if t == asked.payload.get("type", t)}
    assert {frame["fields"][1]["labels"]["type"] for frame in frames} == expected_types
    for frame in frames:
        starts, values = (field["values"] for field in frame["fields"])
        sums = _by_bucket(asked, starts, frame["fields"][1]["labels"]["type"])
        if running:
            sums = _run_within_months(asked, starts, sums)
        for shown, bucket in zip(values, sums, strict=True):
            wanted = value(bucket)
            if wanted is None:
                assert shown is None
            else:
                _near(shown, wanted)


def _by_bucket(asked: Asked, starts: list[int], type_: str) -> list[Sums]:
    micros, counts = [0] * len(starts), [0] * len(starts)
    for (hour_start_ms, hour_type), (total, count) in asked.expected.hours.items():
        if hour_type == type_:
            bucket = bisect_right(starts, hour_start_ms) - 1
            assert bucket >= 0
            micros[bucket] += total
            counts[bucket] += count
    return list(zip(micros, counts, strict=True))


def _run_within_months(asked: Asked, starts: list[int], sums: list[Sums]) -> list[Sums]:
    running: list[Sums] = []
    month = ""
    for start_ms, (micros, count) in zip(starts, sums, strict=True):
        before = running[-1] if month == asked.expected.calendar.month_of(start_ms) else (0, 0)
        month = asked.expected.calendar.month_of(start_ms)
        running.append((before[0] + micros, before[1] + count))
    return running


def _only_rows(frames: list[Json]) -> list[Json]:
    (frame,) = frames
    return rows_of(frame)


def _check_money(row: Json, sums: Sums) -> None:
    micros, count = sums
    _near(row["revenue"], micros / 1e6)
    assert round(float(row["revenue_exact"]) * 1e6) == micros
    assert row["events"] == count
    if count:
        # The average is rounded to a whole micro.
        assert abs(row["average_price"] - micros / count / 1e6) <= 1e-6


def _check_status(row: Json, asked: Asked) -> None:
    assert row["status"] == ("final" if row["month"] in asked.closed else "open")


def _near(shown: float, wanted: float) -> None:
    assert abs(shown - wanted) <= TOLERANCE * max(1.0, abs(wanted))


_CHECKS: dict[str, Callable[[Asked, list[Json]], None]] = {
    "totals": _check_month_rows,
    "months": _check_month_rows,
    "types": _check_type_rows,
    "customers": _check_top_customers,
    "customer": _check_customer,
    "invoices": _check_invoices,
    "rejected": _check_rejected,
    "freshness": _check_freshness,
    "annotations": _check_annotations,
    "revenue": lambda asked, frames: _check_series(asked, frames, lambda sums: sums[0] / 1e6, running=False),
    "revenue_cumulative": lambda asked, frames: _check_series(asked, frames, lambda sums: sums[0] / 1e6, running=True),
    "average_price": lambda asked, frames: _check_series(
        asked, frames, lambda sums: sums[0] / sums[1] / 1e6 if sums[1] else None, running=False
    ),
}
