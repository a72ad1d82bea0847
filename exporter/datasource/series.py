"""The series targets: revenue, events and prices over event time by type, and customers by month."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from billing.money import average_micros
from billing.sums import event_count, of_slot, total_micros
from exporter.datasource.frames import Field, Frame
from exporter.datasource.units import money_field, price_digits, time_field
from exporter.query.asked import Asked
from exporter.query.buckets import asked_buckets

MAX_CUSTOMER_SERIES = 100


@dataclass(frozen=True)
class Points:
    """One series before it is one of revenue, events or prices.

    Args:
        name: of the type, or ``total``.
        starts_ms: where each bucket begins.
        totals: what each holds, in micros.
        counts: and how many events.
    """

    name: str
    starts_ms: list[int]
    totals: list[int]
    counts: list[int]


def revenue(asked: Asked) -> list[Frame]:
    """Return the revenue of each bucket."""
    return _frames(asked, lambda points: _money(asked, "revenue", points.name, points.totals))


def revenue_cumulative(asked: Asked) -> list[Frame]:
    """Return the revenue from the start of each bucket's month to the end of the bucket."""
    month_of = asked.context.calendar.month_of

    def make(points: Points) -> Field:
        running: list[int] = []
        month = ""
        for start_ms, total in zip(points.starts_ms, points.totals, strict=True):
            before = running[-1] if running and month_of(start_ms) == month else 0
            running.append(before + total)
            month = month_of(start_ms)
        return _money(asked, "revenue", points.name, running)

    return _frames(asked, make, from_month_start=True)


def events(asked: Asked) -> list[Frame]:
    """Return the number of events of each bucket."""
    return _frames(asked, lambda p: Field("events", "number", p.counts, "short", 0, p.name, {"type": p.name}))


def average_price(asked: Asked) -> list[Frame]:
    """Return the revenue by events of each bucket; null for one without events."""

    def make(points: Points) -> Field:
        prices = [average_micros(total, count) for total, count in zip(points.totals, points.counts, strict=True)]
        return _money(asked, "average_price", points.name, prices, price_digits(asked.currency))

    return _frames(asked, make)


def customer_revenue(asked: Asked) -> list[Frame]:
    """Return the revenue of each customer, one point a month at its start."""
    choice, found = asked.customers, dict[str, list[tuple[int, int]]]()
    for month in asked.months(default="all"):
        start_ms = asked.context.calendar.bounds_ms(month)[0]
        for name, sums in asked.customers_of(month, choice):
            found.setdefault(name, []).append((start_ms, total_micros(sums)))
    frames = []
    for name, points in list(found.items())[:MAX_CUSTOMER_SERIES]:
        micros = [value for _, value in points]
        field = money_field("revenue", micros, asked.currency, display=name, labels={"customer": name})
        frames.append(Frame(name, [time_field("time", [at_ms for at_ms, _ in points]), field], series=True))
    if len(found) > MAX_CUSTOMER_SERIES:
        text = f"the first {MAX_CUSTOMER_SERIES} of {len(found)} customers are shown"
        frames[0] = replace(frames[0], notices=[("warning", text)])
    return frames


def _frames(asked: Asked, make: Callable[[Points], Field], from_month_start: bool = False) -> list[Frame]:
    frames = []
    buckets, first_shown = asked_buckets(asked, from_month_start)
    for points in _points(asked, buckets.starts_ms, buckets.sums):
        field = make(points)
        starts, values = points.starts_ms[first_shown:], field.values[first_shown:]
        shown = replace(field, values=values)
        frames.append(Frame(points.name, [time_field("time", starts), shown], series=True))
    return frames


def _points(asked: Asked, starts_ms: list[int], sums: list[tuple[int, ...]]) -> list[Points]:
    if asked.payload.get("combined") in (True, "true"):
        counted = [asked.counted(one) for one in sums]
        totals, counts = [total_micros(one) for one in counted], [event_count(one) for one in counted]
        return [Points("total", starts_ms, totals, counts)]
    series = []
    for slot in asked.slots:
        pairs = [of_slot(one, slot) for one in sums]
        name = asked.view.types.names[slot]
        series.append(Points(name, starts_ms, [total for total, _ in pairs], [count for _, count in pairs]))
    return series


def _money(
    asked: Asked, name: str, series: str, micros: list[int] | list[int | None], decimals: int | None = None
) -> Field:
    return money_field(name, micros, asked.currency, decimals, display=series, labels={"type": series})
