"""Which event times a replay of a month concerns, by the months of two zones: the live one and that of the rules.

Where the zones differ, events at the edges of the month lie in another month for the one than for the other. A replay
moves them: what one month gets at an edge, its neighbour gives.
"""

from dataclasses import dataclass

from billing.period import MonthCalendar, add_months

RULES = "rules"
"""The cause of what a month differs by that does not move over an edge."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a month begins and the one before it ends, by the one zone and by the other.

    Args:
        month: the month that begins.
        start_ms: the earlier of the two beginnings, inclusive.
        end_ms: the later of the two beginnings, exclusive.
        sign: 1 if the events in between move into `month`, -1 if they move out of it.
    """

    month: str
    start_ms: int
    end_ms: int
    sign: int

    @property
    def before(self) -> str:
        """The month that ends."""
        return add_months(self.month, -1)

    @property
    def cause(self) -> str:
        """The name by which adjustments say that they move events over this edge."""
        return f"edge-{self.month}"


@dataclass(frozen=True, slots=True)
class Concerned:
    """The event times that a replay concerns, in milliseconds.

    Args:
        month: what is replayed.
        start_ms: where it begins by the rules of the replay.
        end_ms: where it ends by them, exclusive.
        edges: its two edges, the one at its beginning first.
    """

    month: str
    start_ms: int
    end_ms: int
    edges: tuple[Edge, Edge]

    @property
    def causes(self) -> frozenset[tuple[str, str]]:
        """The months that adjustments of the replay are of, each with what causes them."""
        moved = ((month, edge.cause) for edge in self.edges for month in (edge.before, edge.month))
        return frozenset(((self.month, RULES), *moved))


def concerned_by(month: str, live: MonthCalendar, calendar: MonthCalendar) -> Concerned:
    """Return what a replay of a month concerns.

    Args:
        month: what is replayed.
        live: the months by which the processors count.
        calendar: the months of the replay.

    Raises:
        KeyError: the month or a neighbour lies outside the calendar.
    """
    start_ms, end_ms = calendar.bounds_ms(month)
    edges = _edge(month, live, calendar), _edge(add_months(month, 1), live, calendar)
    return Concerned(month, start_ms, end_ms, edges)


def _edge(month: str, live: MonthCalendar, calendar: MonthCalendar) -> Edge:
    live_ms, new_ms = live.bounds_ms(month)[0], calendar.bounds_ms(month)[0]
    return Edge(month, min(live_ms, new_ms), max(live_ms, new_ms), 1 if new_ms <= live_ms else -1)
