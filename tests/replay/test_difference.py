"""What differs, against random histories of replays: cut off in the middle, repeated, of neighbouring months."""

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.period import month_calendar
from qb.replay.issued import Issued
from qb.replay.months import concerned_by
from tests.examples import examples
from tests.replay.world import AROUND, CUSTOMERS, HOUR_MS, MONTHS, TYPES, ZONES, Event, World, micros


def event_times() -> st.SearchStrategy[int]:
    """Most of them within a day of a month's beginning."""
    starts = [month_calendar("UTC").bounds_ms(month)[0] for month in AROUND[1:]]
    return st.builds(lambda start, hours: start + hours * HOUR_MS, st.sampled_from(starts), st.integers(-30, 30))


def events(flags: st.SearchStrategy[bool]) -> st.SearchStrategy[list[Event]]:
    return st.lists(
        st.builds(
            Event,
            event_times(),
            st.sampled_from(CUSTOMERS),
            st.sampled_from(TYPES),
            st.integers(-5, 5),
            flags,
            flags,
        ),
        max_size=12,
    )


def replays() -> st.SearchStrategy[list[tuple[str, int, int]]]:
    """Replays of months, while some adjustments are pending, cut off after some customers."""
    return st.lists(st.tuples(st.sampled_from(MONTHS), st.integers(0, 5), st.integers(0, 2)), max_size=8)


@settings(max_examples=examples(300))
@given(events(st.just(True)), st.sampled_from(ZONES), st.sampled_from(ZONES), replays())
def test_another_zone_moves_money_and_makes_none(
    made: list[Event], live_zone: str, zone: str, history: list[tuple[str, int, int]]
) -> None:
    """Whatever was replayed and cut off: all months together stay the same, and each customer's at any time."""
    world = World(made, live_zone, zone)
    before = micros(world.live(month) for month in AROUND)
    for month, pending, stop_after in history:
        world.replay(month, pending, stop_after)
        assert micros(world.live(one) for one in AROUND) == before


@settings(max_examples=examples(300))
@given(events(st.booleans()), st.sampled_from(ZONES), st.sampled_from(ZONES), replays())
def test_a_replay_to_its_end_makes_the_month_what_it_is_by_the_rules(
    made: list[Event], live_zone: str, zone: str, history: list[tuple[str, int, int]]
) -> None:
    """Whatever was replayed and cut off before; and once more, counted or not, nothing is left to be issued."""
    world = World(made, live_zone, zone)
    for month, pending, stop_after in history:
        world.replay(month, pending, stop_after)
    for month in MONTHS:
        world.replay(month, 0, len(CUSTOMERS))
        start_ms, end_ms = month_calendar(zone).bounds_ms(month)
        assert micros([world.live(month)]) == micros([world.recounted(start_ms, end_ms)])
        for pending in (0, 1, len(world.adjustments)):
            assert not [row for row in world.differences(month, pending).rows() if row.differs]


@settings(max_examples=examples(200))
@given(events(st.booleans()), st.sampled_from(ZONES), st.sampled_from(ZONES), st.permutations(MONTHS))
def test_neighbours_may_be_replayed_in_any_order(
    made: list[Event], live_zone: str, zone: str, order: list[str]
) -> None:
    """What one replay moved over an edge the other does not move again: each month is right in the end."""
    world = World(made, live_zone, zone)
    for month in order:
        world.replay(month, 0, len(CUSTOMERS))
    for month in MONTHS:
        assert not [row for row in world.differences(month).rows() if row.differs]
        start_ms, end_ms = month_calendar(zone).bounds_ms(month)
        assert micros([world.live(month)]) == micros([world.recounted(start_ms, end_ms)])


@settings(max_examples=examples(200))
@given(events(st.just(True)), st.sampled_from(ZONES), st.sampled_from(ZONES))
def test_a_replay_by_the_rules_of_before_takes_all_back(made: list[Event], live_zone: str, zone: str) -> None:
    """Of its month and of the neighbours."""
    world = World(made, live_zone, zone)
    before = [micros([world.live(month)]) for month in AROUND]
    world.replay("2026-10", 0, len(CUSTOMERS))
    world.zone = live_zone
    world.replay("2026-10", 0, len(CUSTOMERS))
    assert [micros([world.live(month)]) for month in AROUND] == before


def test_two_who_correct_the_same_give_it_the_same_name() -> None:
    """So that of two replays that did not know of each other one counts."""
    moment = month_calendar("UTC").bounds_ms("2026-10")[0]
    world = World([Event(moment - HOUR_MS, "Zoe", "CALL", 7)], "UTC", "Europe/Berlin")
    first = world.differences("2026-10").adjustments_of("Zoe")
    world.events.append(Event(moment - 1, "Zoe", "CALL", 1))
    second = world.differences("2026-10").adjustments_of("Zoe")
    assert [one.name for one in first] == [one.name for one in second]
    assert [(one.place.month, one.micros) for one in first] == [("2026-10", 7), ("2026-09", -7)]
    issued = Issued(concerned_by("2026-10", month_calendar("UTC"), month_calendar("Europe/Berlin")))
    for one in (*first, *second):
        issued.note(one, is_live=False)
    assert issued.micros(first[0].place) == 7
    assert issued.pending_micros("Zoe", "CALL") == 7
