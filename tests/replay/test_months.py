"""Which event times a replay concerns, where months of two zones begin at different instants."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.period import month_calendar
from qb.replay.months import RULES, concerned_by


def at(zone: str, year: int, month: int) -> int:
    """Midnight of a month's first day in a zone, in milliseconds."""
    moment = datetime(year, month, 1, tzinfo=ZoneInfo(zone))
    return (moment - datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))) // timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("live", "new", "sign"),
    [
        ("UTC", "Europe/Berlin", 1),
        ("Europe/Berlin", "UTC", -1),
        ("Pacific/Kiritimati", "Pacific/Niue", -1),
        ("UTC", "America/New_York", -1),
    ],
)
def test_edges_lie_between_the_two_beginnings(live: str, new: str, sign: int) -> None:
    """Events in between move into the month that begins, or out of it."""
    found = concerned_by("2026-10", month_calendar(live), month_calendar(new))
    assert (found.start_ms, found.end_ms) == (at(new, 2026, 10), at(new, 2026, 11))
    for edge, month in zip(found.edges, (10, 11), strict=True):
        assert (edge.start_ms, edge.end_ms) == tuple(sorted((at(live, 2026, month), at(new, 2026, month))))
        assert edge.sign == sign
        assert edge.month == f"2026-{month}"


def test_one_zone_moves_nothing() -> None:
    """The edges are there, and empty: what was moved before may have to be moved back."""
    found = concerned_by("2026-01", month_calendar("UTC"), month_calendar("Etc/UTC"))
    assert all(edge.start_ms == edge.end_ms for edge in found.edges)
    assert found.causes == {
        ("2026-01", RULES),
        ("2025-12", "edge-2026-01"),
        ("2026-01", "edge-2026-01"),
        ("2026-01", "edge-2026-02"),
        ("2026-02", "edge-2026-02"),
    }


def test_a_month_without_neighbours_is_refused() -> None:
    """The calendar's last month has none after it."""
    with pytest.raises(KeyError):
        concerned_by("2199-12", month_calendar("UTC"), month_calendar("UTC"))
