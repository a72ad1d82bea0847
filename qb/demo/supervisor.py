"""Keeps the services running: starts them in order, starts again what died, stops them in the reverse order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from billing.errors import OperatorError
from qb.demo.lives import Lives
from qb.demo.services import Service, last_words


@dataclass(frozen=True)
class Standing:
    """How a service is, for people.

    Args:
        name: which.
        alive: whether it runs.
        restarts: how often it had to be started again.
        log_file: where to read why.
    """

    name: str
    alive: bool
    restarts: int
    log_file: Path


@dataclass
class _Watched:
    service: Service
    lives: Lives = field(default_factory=Lives)
    started: float = 0.0
    # When to start it again; None while it runs.
    due: float | None = None


class Supervisor:
    """Watches over services. All times are of the monotonic clock, in seconds.

    Args:
        services: in the order of their start.
    """

    def __init__(self, services: Sequence[Service]) -> None:
        self._watched = [_Watched(service) for service in services]

    def start(self, now: float) -> None:
        """Start all."""
        for watched in self._watched:
            watched.service.start()
            watched.started = now

    def tend(self, now: float) -> None:
        """Notice what has died, and start again what is due.

        Raises:
            OperatorError: one dies at each start; the message ends with what it logged.
        """
        for watched in self._watched:
            if watched.due is not None:
                if now >= watched.due:
                    watched.service.start()
                    watched.started, watched.due = now, None
            elif not watched.service.is_alive():
                watched.lives = watched.lives.after_death(now - watched.started)
                if watched.lives.hopeless:
                    raise OperatorError(_obituary(watched))
                watched.due = now + watched.lives.pause_seconds

    def standings(self) -> list[Standing]:
        """Return how each is."""
        return [
            Standing(one.service.name, one.service.is_alive(), one.lives.deaths, one.service.log_file)
            for one in self._watched
        ]

    def stop(self, tell: Callable[[str], None]) -> None:
        """Stop all, the last one first, each after it has been told of; an interrupt makes it quick."""
        left = list(self._watched)
        try:
            while left:
                tell(left[-1].service.name)
                left[-1].service.stop()
                left.pop()
        except KeyboardInterrupt:
            for watched in reversed(left):
                watched.service.kill()


def _obituary(watched: _Watched) -> str:
    service = watched.service
    head = f"the {service.name} died {watched.lives.deaths} times, so the demo stops; its log is {service.log_file}:"
    return "\n".join([head, *(f"  {line}" for line in last_words(service.log_file))])
