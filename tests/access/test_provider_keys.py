"""Keys are read again in time and when a token needs others, but never in a storm, and kept while nobody answers."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from billing.access.key_times import OF_ADDRESS, OF_FILE, KeyTimes
from billing.runtime.access.key_source import SourceError
from billing.runtime.access.provider_keys import ProviderKeys
from tests.access.provider import ec_signer, jwks

TIMES = KeyTimes(refresh_seconds=300, pause_seconds=15, keep_seconds=7_200)
OLD, NEW = jwks(ec_signer()), jwks(ec_signer("ec-2"))


@dataclass
class Source:
    """Answers what it is told to, once it may."""

    text: str | Exception = OLD
    reads: int = 0
    may: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may.set()

    def read(self) -> str:
        self.reads += 1
        assert self.may.wait(30)
        if isinstance(self.text, Exception):
            raise self.text
        return self.text


@dataclass
class Clock:
    """Goes on when told to."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """Keys, their source, and the time."""

    source: Source = field(default_factory=Source)
    clock: Clock = field(default_factory=Clock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.keys = ProviderKeys(self.source, TIMES, self.registry, self.clock)

    def after(self, seconds: float, text: str | Exception | None = None) -> "World":
        """Let time pass, and the source answer something else."""
        self.clock.now += seconds
        self.source.text = self.source.text if text is None else text
        return self

    def asked(self) -> bool:
        """Ask for other keys; whether there was anything to wait for."""
        reading = self.keys.ask()
        if reading is None:
            return False
        reading.result(60)
        return True

    def names(self) -> list[str | None]:
        """Of the keys in use."""
        found = self.keys.newest
        return [one.key_id for one in found.keys] if found else []


def test_an_unknown_key_is_looked_up_at_once_and_then_not_for_a_while() -> None:
    """Whoever makes keys up causes one reading in fifteen seconds, however many they send."""
    world = World()
    assert world.asked()
    assert world.names() == ["ec-1"]
    assert not any(world.after(0.1).asked() for _ in range(100))
    assert world.after(5, NEW).asked()
    assert world.names() == ["ec-2"]
    assert world.source.reads == 2


def test_all_who_ask_at_the_same_time_wait_for_one_reading() -> None:
    """It is that of the first."""
    world = World()
    world.source.may.clear()
    first, *others = [world.keys.ask() for _ in range(50)]
    assert first is not None
    assert all(one is first for one in others)
    world.source.may.set()
    first.result(60)
    assert world.source.reads == 1


def test_keys_are_read_again_in_time() -> None:
    """Though no token asks for it: a key that was withdrawn goes."""
    world = World()
    assert world.asked()
    world.after(299, NEW).keys.refresh()
    assert world.source.reads == 1
    before = world.keys.newest
    world.after(1).keys.refresh()
    world.asked()
    assert world.names() == ["ec-2"]
    assert world.keys.newest is not before


def test_the_same_keys_are_the_same_object() -> None:
    """What was verified by them stays verified."""
    world = World()
    assert world.asked()
    before = world.keys.newest
    assert world.after(300).asked()
    assert world.keys.newest is before
    assert world.source.reads == 2


@pytest.mark.parametrize("answer", [SourceError("it answers 500"), "<html>", '{"keys": []}', RuntimeError("a bug")])
def test_keys_are_kept_while_the_provider_is_away_but_not_for_ever(answer: str | Exception) -> None:
    """After that a key that it may have withdrawn meanwhile is not relied on."""
    world = World()
    assert world.asked()
    assert world.after(7_000, answer).asked()
    assert world.names() == ["ec-1"]
    assert world.after(200).asked()
    assert world.names() == ["ec-1"]
    assert world.after(1).names() == []
    assert world.after(15, NEW).asked()
    assert world.names() == ["ec-2"]
    assert world.registry.get_sample_value("billing_token_keys_failures_total") == 2
    assert world.registry.get_sample_value("billing_token_keys") == 1


def test_a_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """And again when it is another one, or after keys were read."""
    caplog.set_level("INFO")
    world = World()
    answers: list[str | Exception] = [SourceError("a"), SourceError("a"), SourceError("b"), OLD, OLD, SourceError("b")]
    for answer in answers:
        assert world.after(15, answer).asked()
    lines = [one.getMessage() for one in caplog.records if "identity provider" in one.getMessage()]
    assert [("not read" in one, "error" in one) for one in lines] == [(True, True)] * 2 + [(False, False), (True, True)]


@given(steps=st.lists(st.tuples(st.floats(0, 400), st.booleans()), max_size=50))
def test_a_provider_is_never_asked_more_often_than_it_should(steps: list[tuple[float, bool]]) -> None:
    """Whatever comes in which order: once in fifteen seconds at most."""
    tried: list[float] = []
    now = 0.0
    for passed, asked in steps:
        now += passed
        last = tried[-1] if tried else None
        if TIMES.may_try(now, last) if asked else TIMES.is_due(now, last, last):
            tried.append(now)
    assert all(after - before >= 15 for before, after in pairwise(tried))


def test_a_file_is_looked_at_more_often_and_kept_for_ever() -> None:
    """A provider that is away long enough is not relied on."""
    assert not OF_FILE.is_too_old(1e9, 0)
    assert OF_FILE.refresh_seconds < OF_ADDRESS.refresh_seconds
    assert OF_ADDRESS.is_too_old(OF_ADDRESS.keep_seconds + 1, 0)
