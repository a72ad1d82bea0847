"""Rates from counts that were noted while a program worked."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_IDLE_SECONDS = 10.0


class TooShortError(Exception):
    """Too few counts to tell a rate."""


@dataclass(frozen=True)
class Sample:
    """How much had been done at a moment.

    Args:
        seconds: when, by a clock that only goes forward.
        events: done since the start.
        cpu_seconds: that the process had used.
    """

    seconds: float
    events: int
    cpu_seconds: float


@dataclass(frozen=True)
class Rate:
    """What an event takes, in time and in CPU time."""

    events_per_second: float
    cpu_micros_per_event: float


def mean_rate(rates: Sequence[Rate]) -> Rate:
    """Return the rate of runs of equally many events, one after the other."""
    seconds = sum(1 / rate.events_per_second for rate in rates)
    return Rate(len(rates) / seconds, sum(rate.cpu_micros_per_event for rate in rates) / len(rates))


def rate_of(take: Callable[[], int], records: int) -> Rate:
    """Return the rate at which records are taken, until there are so many.

    Args:
        take: takes some, and returns how many.
        records: how many there must be; ten seconds without any end the program.
    """
    samples, seen, newest = Samples(), 0, time.monotonic()
    while seen < records:
        taken = take()
        seen += taken
        now = time.monotonic()
        newest = now if taken else newest
        if now > newest + _IDLE_SECONDS:
            raise SystemExit(f"{seen} records are there, not {records}")
        samples.note(now, seen, time.process_time())
    return samples.rate()


class Samples:
    """Counts as they grow; the same count again is not noted, since it says only that somebody looked.

    Args:
        rough_from: the moment to count from if there are too few counts to leave the start out; None: that is an error.
    """

    def __init__(self, rough_from: float | None = None) -> None:
        self._samples: list[Sample] = []
        self._rough_from = rough_from

    def note(self, seconds: float, events: int, cpu_seconds: float) -> None:
        """Take in a count."""
        if events > (self._samples[-1].events if self._samples else 0):
            self._samples.append(Sample(seconds, events, cpu_seconds))

    def rate(self, warm_events: int = 0) -> Rate:
        """Return the rate from the first count of at least `warm_events` on.

        Raises:
            TooShortError: there are too few counts.
        """
        warm = [sample for sample in self._samples if sample.events >= warm_events]
        if len(warm) < 2 and self._rough_from is not None:
            warm = [Sample(self._rough_from, 0, 0.0), *self._samples[-1:]]
        return steady(warm)


def steady(samples: Sequence[Sample]) -> Rate:
    """Return the rate between the first and the last but one: before the last commit there may have been idle time.

    With two samples it is that between them.

    Raises:
        TooShortError: there are fewer than two.
    """
    if len(samples) < 2:
        raise TooShortError("too few counts to tell a rate: use more --events")
    first, last = samples[0], samples[-2] if len(samples) > 2 else samples[-1]
    events = last.events - first.events
    cpu_micros = (last.cpu_seconds - first.cpu_seconds) * 1e6 / events
    return Rate(events / (last.seconds - first.seconds), cpu_micros)
