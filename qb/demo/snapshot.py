"""What the terminal shows, as plain facts: put together from the feed and the supervisor, rendered elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from billing.money import MICROS_PER_UNIT, format_rounded
from qb.demo.feed import Overview, Seen
from qb.demo.supervisor import Standing

# A lag that takes longer than this to read is worth a progress bar; at rest it is what a commit interval holds.
LAG_SECONDS = 5.0
LEAST_LAG = 1_000


@dataclass(frozen=True)
class CatchUp:
    """Something that has to be read back before all is up to date; `share` is how much of it is, None if unknown."""

    what: str
    share: float | None


@dataclass(frozen=True)
class Links:
    """Where to look: the base URL of the exporter, the demo's folder, and Prometheus if the demo runs one."""

    exporter: str
    folder: Path
    prometheus: str = ""


@dataclass(frozen=True)
class Snapshot:
    """All that is shown at one moment.

    Args:
        seen: what the exporter tells.
        standings: how each process is.
        catch_ups: what is being read back.
        clock: the simulated time and how fast it is, in words.
        month_share: how much of the month has passed.
        uptime_seconds: since the start of the demo.
        links: where to look.
        note: what is going on apart from the usual, empty if nothing is.
    """

    seen: Seen
    standings: Sequence[Standing]
    catch_ups: Sequence[CatchUp]
    clock: str
    month_share: float
    uptime_seconds: float
    links: Links
    note: str = ""

    @property
    def overview(self) -> Overview | None:
        """The exporter's overview, None while there are no numbers."""
        found = self.seen.overview
        return found if found and found["ready"] else None


@dataclass
class CatchUpMeter:
    """Tells how far a catching up is, by remembering where it began."""

    rate: float
    _most: dict[str, int] = field(default_factory=dict)

    def observe(self, seen: Seen) -> list[CatchUp]:
        """Return what is being read back."""
        found = []
        overview = seen.overview
        if overview and not overview["ready"]:
            found.append(CatchUp(f"exporter: {overview['message']}", overview["read_fraction"]))
        if share := self._share("restore", seen.restore_remaining or 0, 1):
            found.append(CatchUp(f"processor: {seen.restore_remaining:,} records of its state to read back", share[0]))
        lag = (overview["freshness"]["lag_records"] or 0) if overview and overview["ready"] else 0
        if share := self._share("lag", lag, max(LEAST_LAG, int(LAG_SECONDS * self.rate))):
            found.append(CatchUp(f"processor: {lag:,} events behind", share[0]))
        return found

    def _share(self, what: str, left: int, least: int) -> tuple[float] | None:
        """Return how much is done; None if what is left is too little to speak of."""
        if left < least:
            self._most.pop(what, None)
            return None
        most = self._most[what] = max(left, self._most.get(what, 0))
        return (1 - left / most,)


def money(amount: Decimal, currency: str) -> str:
    """Return an exact amount as people read it: rounded to the minor unit as invoices are, thousands apart."""
    return f"{Decimal(format_rounded(int(amount * MICROS_PER_UNIT), currency)):,}"


def short_time(seconds: float) -> str:
    """Return a time span such as ``1h 02m 03s``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m {rest:02d}s" if hours else f"{minutes}m {rest:02d}s" if minutes else f"{rest}s"


def short_path(path: Path) -> str:
    """Return a path as a person in the working directory writes it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
