"""How often a process may die: when it is started again, and when there is no point in it any more."""

from dataclasses import dataclass, replace

# A process that ran this long had started well: what ended it is taken for an accident. The processor tries for half a
# minute by itself before it gives up.
QUICK_SECONDS = 60.0
HOPELESS_DEATHS = 5
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0


@dataclass(frozen=True)
class Lives:
    """The deaths of one process so far.

    Args:
        deaths: all of them.
        quick_deaths: those in a row that came soon after the start.
    """

    deaths: int = 0
    quick_deaths: int = 0

    def after_death(self, lived_seconds: float) -> "Lives":
        """Return what is known after one more."""
        quick = self.quick_deaths + 1 if lived_seconds < QUICK_SECONDS else 0
        return replace(self, deaths=self.deaths + 1, quick_deaths=quick)

    @property
    def hopeless(self) -> bool:
        """Whether it dies at each start."""
        return self.quick_deaths >= HOPELESS_DEATHS

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the next start: twice as long after each quick death."""
        return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** max(0, self.quick_deaths - 1)))
