"""Services are started in order, started again when they die, given up when they die each time, stopped in reverse."""

from pathlib import Path

import pytest

from billing.errors import OperatorError
from qb.demo.lives import HOPELESS_DEATHS, LONGEST_PAUSE_SECONDS, QUICK_SECONDS, Lives
from qb.demo.supervisor import Supervisor


class FakeService:
    """A service that writes down what is done to it. `alive` False is a death."""

    def __init__(self, name: str, diary: list[str], folder: Path, interrupt: bool = False) -> None:
        self.name = name
        self.log_file = folder / f"{name}.log"
        self.alive = False
        self._diary = diary
        self._interrupt = interrupt

    def start(self) -> None:
        self.alive = True
        self._diary.append(f"start {self.name}")

    def is_alive(self) -> bool:
        return self.alive

    def stop(self) -> None:
        if self._interrupt:
            raise KeyboardInterrupt
        self._diary.append(f"stop {self.name}")

    def kill(self) -> None:
        self._diary.append(f"kill {self.name}")


@pytest.fixture
def diary() -> list[str]:
    return []


def test_started_in_order_and_stopped_in_reverse(diary: list[str], tmp_path: Path) -> None:
    """Each is told of before it is stopped."""
    supervisor = Supervisor([FakeService("a", diary, tmp_path), FakeService("b", diary, tmp_path)])
    supervisor.start(0)
    supervisor.stop(lambda name: diary.append(f"told {name}"))
    assert diary == ["start a", "start b", "told b", "stop b", "told a", "stop a"]


def test_an_impatient_stop_kills_the_rest(diary: list[str], tmp_path: Path) -> None:
    """A second Ctrl-C while one takes its time; those already stopped are left alone."""
    services = [FakeService("a", diary, tmp_path), FakeService("b", diary, tmp_path, interrupt=True)]
    supervisor = Supervisor([*services, FakeService("c", diary, tmp_path)])
    supervisor.stop(lambda _: None)
    assert diary == ["stop c", "kill b", "kill a"]


def test_what_died_is_started_again_after_a_pause(diary: list[str], tmp_path: Path) -> None:
    """And it is shown how often."""
    service = FakeService("a", diary, tmp_path)
    supervisor = Supervisor([service])
    supervisor.start(0)
    service.alive = False
    supervisor.tend(1.0)
    assert [(one.alive, one.restarts) for one in supervisor.standings()] == [(False, 1)]
    supervisor.tend(1.2)
    assert diary == ["start a"]
    supervisor.tend(1.6)
    assert diary == ["start a", "start a"]
    assert [(one.alive, one.restarts) for one in supervisor.standings()] == [(True, 1)]


def test_what_dies_each_time_is_given_up_with_its_last_words(diary: list[str], tmp_path: Path) -> None:
    """The error names the log and shows why, so that nobody has to look for it."""
    service = FakeService("a", diary, tmp_path)
    service.log_file.write_text("2026-01-01 INFO all well\nqb: port 9108 is taken\n2026-01-01 INFO good bye\n")
    supervisor = Supervisor([service])
    supervisor.start(0)
    now = 0.0

    def live_and_die() -> None:
        nonlocal now
        for _ in range(100):
            service.alive = False
            now += 1
            supervisor.tend(now)

    with pytest.raises(OperatorError) as given_up:
        live_and_die()
    assert str(given_up.value).splitlines() == [
        f"the a died {HOPELESS_DEATHS} times, so the demo stops; its log is {service.log_file}:",
        "  qb: port 9108 is taken",
    ]
    assert diary == ["start a"] * HOPELESS_DEATHS


def test_pauses_grow_with_quick_deaths() -> None:
    """From half a second, twice as long each time, up to a limit."""
    lives, pauses = Lives(), []
    for _ in range(7):
        lives = lives.after_death(1.0)
        pauses.append(lives.pause_seconds)
    assert pauses == [0.5, 1, 2, 4, 8, 8, LONGEST_PAUSE_SECONDS]


def test_a_long_life_makes_up_for_quick_deaths() -> None:
    """Accidents now and then never add up to giving up."""
    lives = Lives()
    for _ in range(3):
        for _ in range(HOPELESS_DEATHS - 1):
            lives = lives.after_death(1.0)
            assert not lives.hopeless
        lives = lives.after_death(QUICK_SECONDS)
        assert (lives.quick_deaths, lives.pause_seconds) == (0, 0.5)
    assert lives.deaths == 3 * HOPELESS_DEATHS
