"""Events that are counted by one zone and replayed by another, as plainly as it can be said."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from billing.period import month_calendar
from qb.replay.adjustment import Adjustment
from qb.replay.difference import Amount, Differences, Recounted
from qb.replay.issued import Issued
from qb.replay.months import concerned_by

HOUR_MS = 3_600_000
MONTHS = ("2026-09", "2026-10", "2026-11")
AROUND = ("2026-08", *MONTHS, "2026-12")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
CUSTOMERS, TYPES = ("Zoe", "Yan"), ("CALL", "DATA")


@dataclass(frozen=True)
class Event:
    """An event, and by which rules it counts."""

    time_ms: int
    customer: str
    type: str
    micros: int
    is_live: bool = True
    is_recounted: bool = True


class Sums(dict[str, dict[str, Amount]]):
    """Sums by customer and type."""

    def of(self, customer: str) -> Mapping[str, Amount]:
        return self.get(customer, {})

    def customers(self) -> Iterator[str]:
        return iter(self)

    def add(self, customer: str, type_: str, micros: int) -> None:
        sums = self.setdefault(customer, {})
        before = sums.get(type_, (0, 0))
        sums[type_] = before[0] + micros, before[1] + 1


@dataclass
class World:
    """Events that are counted by one zone, and the adjustments that were issued."""

    events: list[Event]
    live_zone: str
    zone: str
    adjustments: list[Adjustment] = field(default_factory=list)

    def live(self, month: str, counted: int | None = None) -> Sums:
        """The live sums of a month, when so many adjustments are counted."""
        sums, start_ms, end_ms = Sums(), *month_calendar(self.live_zone).bounds_ms(month)
        for event in self.events:
            if event.is_live and start_ms <= event.time_ms < end_ms:
                sums.add(event.customer, event.type, event.micros)
        for one in self.adjustments[:counted]:
            if one.place.month == month:
                sums.add(one.place.customer, one.place.type, one.micros)
        return sums

    def recounted(self, start_ms: int, end_ms: int) -> Sums:
        """The sums of the events of a stretch that count by the rules of the replay."""
        sums = Sums()
        for event in self.events:
            if event.is_recounted and start_ms <= event.time_ms < end_ms:
                sums.add(event.customer, event.type, event.micros)
        return sums

    def differences(self, month: str, pending: int = 0) -> Differences:
        """What a replay of a month finds while so many adjustments wait to be counted."""
        concerned = concerned_by(month, month_calendar(self.live_zone), month_calendar(self.zone))
        counted, issued = max(0, len(self.adjustments) - pending), Issued(concerned)
        for one in self.adjustments[:counted]:
            issued.note(one, is_live=True)
        # What waits is looked for from a place of before, and by input partitions: so in another order.
        for one in reversed(self.adjustments):
            issued.note(one, is_live=False)
        before, after = (self.recounted(edge.start_ms, edge.end_ms) for edge in concerned.edges)
        found = Recounted(self.recounted(concerned.start_ms, concerned.end_ms), (before, after), issued)
        return Differences(concerned, self.live(month, counted), found)

    def replay(self, month: str, pending: int, stop_after: int) -> None:
        """Issue what is found, up to some customers."""
        differences = self.differences(month, pending)
        found = [one for name in differences.customers[:stop_after] for one in differences.adjustments_of(name)]
        self.adjustments += found


def micros(sums: Iterable[Sums]) -> dict[tuple[str, str], int]:
    """The totals of some months together, without zeros."""
    found: dict[tuple[str, str], int] = {}
    for one in sums:
        for customer, types in one.items():
            for type_, (amount, _) in types.items():
                found[customer, type_] = found.get((customer, type_), 0) + amount
    return {place: amount for place, amount in found.items() if amount}
