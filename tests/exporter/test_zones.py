"""Series over a month add up to it, over HTTP and in any zone, whatever the width of the panel."""

from decimal import Decimal
from typing import Any

import pytest

from billing.local_time import MS_PER_DAY, MS_PER_HOUR
from billing.period import format_timestamp, month_calendar
from tests.exporter.client import Client
from tests.exporter.world import World

ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin", "America/St_Johns",
         "Pacific/Apia", "Africa/Casablanca"]  # fmt: skip
MONTHS = ("2017-03", "2017-04", "2017-05")


def world_of(zone: str) -> tuple[World, dict[str, int]]:
    """Events of different amounts around both edges of each month, and in its middle; micros by month."""
    world, calendar = World(time_zone=zone), month_calendar(zone)
    totals = dict.fromkeys(MONTHS, 0)
    amount = 1_000_000
    for month in MONTHS:
        start_ms, end_ms = calendar.bounds_ms(month)
        edges = (0, 1, MS_PER_HOUR // 2, MS_PER_HOUR, 3 * MS_PER_DAY)
        for at_ms in [start_ms + after for after in edges] + [end_ms - 1 - before for before in edges]:
            world.event("Charlie", amount, "CALL", at_ms)
            totals[month] += amount
            amount += 1_000_000
    world.ready()
    return world, totals


def series(client: Client, zone: str, target: str, month: str, points: int, **payload: Any) -> list[list[float]]:
    """The datapoints of a panel that shows one month."""
    start_ms, end_ms = month_calendar(zone).bounds_ms(month)
    shown = {"from": format_timestamp(start_ms), "to": format_timestamp(end_ms)}
    body = {"range": shown, "maxDataPoints": points, "intervalMs": 1_000}
    asked = {"target": target, "refId": "A", "type": "timeserie", "payload": {"type": "CALL", **payload}}
    (found,) = client.post("/query", {**body, "targets": [asked]}).json
    points_found: list[list[float]] = found["datapoints"]
    return points_found


@pytest.mark.parametrize("zone", ZONES)
def test_every_series_of_a_month_sums_to_the_month(zone: str) -> None:
    """Buckets of every length, running totals, hours one by one, the overview: none takes from a neighbour."""
    world, totals = world_of(zone)
    with world.served() as client:
        for month in MONTHS:
            micros = totals[month]
            for points in (5, 12, 20, 40, 100, 250, 1_000):
                assert sum(
                    value for value, _ in series(client, zone, "revenue", month, points)
                ) * 10**6 == pytest.approx(micros)
                assert series(client, zone, "revenue_cumulative", month, points)[-1][0] * 10**6 == micros
            for bucket in ("hour", "day"):
                found = series(client, zone, "revenue", month, 100, bucket=bucket)
                assert sum(value for value, _ in found) * 10**6 == micros
            hours = client.get(f"/api/v1/hours?month={month}").json
            assert sum(Decimal(row["total"]) for row in hours) * 10**6 == micros
            overview = client.get(f"/api/v1/overview?month={month}").json
            assert sum(map(Decimal, overview["series"]["types"]["CALL"]["total"])) * 10**6 == micros


@pytest.mark.parametrize("zone", ZONES)
def test_a_panel_of_all_months_gives_each_its_own(zone: str) -> None:
    """A bucket belongs to the month of its start, however long it is."""
    world, totals = world_of(zone)
    calendar = month_calendar(zone)
    shown = {"from": "2017-02-20T00:00:00Z", "to": "2017-06-10T00:00:00Z"}
    with world.served() as client:
        for points in (2, 5, 12, 40, 100, 1_000):
            asked = {"target": "revenue", "refId": "A", "type": "timeserie", "payload": {"type": "CALL"}}
            body = {"range": shown, "maxDataPoints": points, "intervalMs": 1_000, "targets": [asked]}
            (found,) = client.post("/query", body).json
            by_month = dict.fromkeys(MONTHS, 0.0)
            for value, at_ms in found["datapoints"]:
                by_month[calendar.month_of(at_ms)] += value * 10**6
            assert by_month == totals


@pytest.mark.parametrize("zone", ZONES)
def test_the_month_before_is_compared_up_to_the_same_local_time(zone: str) -> None:
    """Events at both months' first hours: seen at the end of the hour, both count, and nothing else."""
    world, calendar = World(time_zone=zone), month_calendar(zone)
    for month, micros in (("2017-03", 2_000_000), ("2017-04", 3_000_000)):
        start_ms, end_ms = calendar.bounds_ms(month)
        world.event("Charlie", micros, "CALL", start_ms + MS_PER_HOUR // 2)
        if month == "2017-03":
            world.event("Charlie", 50_000_000, "CALL", end_ms - 1)
            world.event("Charlie", 7_000_000, "CALL", start_ms + 2 * MS_PER_HOUR)
    world.ready()
    with world.served() as client:
        totals = client.get("/api/v1/overview?month=2017-04").json["totals"]
    assert (totals["total"], totals["previous_to_date"]) == ("3.000000", "2.000000")
