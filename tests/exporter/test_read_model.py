"""The read model adds partials up exactly, and shows whole commits only."""

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.period import month_calendar
from billing.runtime.topic_reader import Record
from billing.subtotal import CustomerMonthKey, SumsKey, encode_changed, encode_key
from exporter.model.read_model import ReadModel
from exporter.model.state import NotKnownError, State
from tests.examples import examples
from tests.exporter.world import CHARLIE_MS, FEBRUARY_MS, HOUR_MS, CommittedSums, ManualClock, World

TYPES = ("CALL", "DATA", "MISC")

Events = list[tuple[int, str, str, int, int]]

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["a", "b", "c|d", "é"]),
        st.sampled_from([*TYPES, "NEW"]),
        st.sampled_from([FEBRUARY_MS - 1, FEBRUARY_MS, FEBRUARY_MS + HOUR_MS, CHARLIE_MS]),
        st.integers(-(10**18), 10**18),
    ),
    max_size=40,
)


def model_of(records: list[Record], live: bool = False) -> ReadModel:
    clock = ManualClock()
    model = ReadModel(TYPES, "UTC", "EUR", clock=clock)
    if live:
        model.caught_up()
    model.apply(records)
    model.caught_up()
    return model


def record(key: SumsKey, offset: int, **sums: tuple[int, int]) -> Record:
    ((name, value),) = encode_changed({key: sums}, [key])
    return Record(0, offset, name, value, 0)


@settings(max_examples=examples(150))
@given(events=EVENTS, commits=st.integers(1, 5), live=st.booleans(), seed=st.integers(0, 999))
def test_totals_are_those_of_the_events(events: Events, commits: int, live: bool, seed: int) -> None:
    """Whatever the partitions, the commits and the order of a commit's records, each sum is that of its events."""
    committed, records = CommittedSums(), list[Record]()
    customers: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    hours: defaultdict[tuple[int, str], int] = defaultdict(int)
    counts: Counter[str] = Counter()
    for number, (partition, customer, type_, at_ms, micros) in enumerate(events):
        committed.event(customer, micros, type_, at_ms, partition)
        month = "2017-01" if at_ms < FEBRUARY_MS else "2017-02"
        customers[month, customer, type_] += micros
        hours[month_calendar("UTC").local.hour_start_ms(at_ms), type_] += micros
        counts[month] += 1
        if number % commits == 0:
            records += shuffled(committed, seed)
    records += shuffled(committed, seed)
    with model_of(renumbered(records), live).reading() as view:
        unpack = view.types.unpack
        assert {
            (month, customer, type_): total
            for month in view.months()
            for customer, sums in view.customers(month).items()
            for type_, (total, _) in unpack(sums).items()
        } == dict(customers)
        assert {
            (hour, type_): total for hour, sums in view.hours(0, 2**42) for type_, (total, _) in unpack(sums).items()
        } == dict(hours)
        assert {month: sum(view.month_sums(month)[1::2]) for month in view.months()} == dict(counts)
        assert not view.imbalance()


@settings(max_examples=examples(100))
@given(events=EVENTS, seed=st.integers(0, 999))
def test_reading_again_changes_nothing(events: Events, seed: int) -> None:
    """Records of different keys in any order, each any number of times, give the same state: they are absolute."""
    committed = CommittedSums()
    for partition, customer, type_, at_ms, micros in events:
        committed.event(customer, micros, type_, at_ms, partition)
    once = committed.commit()
    rng = random.Random(seed)
    several = [one for one in once for _ in range(rng.randint(1, 3))]
    rng.shuffle(several)
    assert state(model_of(once)) == state(model_of(renumbered(several))) == state(model_of(renumbered(several), True))


def test_a_topic_read_twice_is_counted_once() -> None:
    """After a reconnect old offsets may come again, and older values with them: they are left out."""
    world = World()
    world.event("Charlie", 1)
    first = world.committed.commit()
    world.event("Charlie", 1)
    second = world.committed.commit()
    for records in (first, second, first, second[:1]):
        world.model.apply(records)
    assert state(world.ready().model)["2017-02"] == {"Charlie": {"MISC": (2, 2)}}


def test_a_type_that_no_setting_names_is_counted_too() -> None:
    """Types come and go in the settings; what was billed stays."""
    world = World(types=("MISC",))
    world.event("Charlie", 5, "OLD")
    world.event("Charlie", 7, "MISC")
    with world.ready().model.reading() as view:
        assert view.types.names == ["MISC", "OLD"]
        assert view.types.unpack(view.month_sums("2017-02")) == {"MISC": (7, 1), "OLD": (5, 1)}


def test_a_tombstone_takes_a_customer_away() -> None:
    """Out of its month, of the names and of the counts."""
    world = World()
    world.event("Charlie", 1, partition=0)
    world.event("Charlie", 2, partition=1)
    world.event("Alice", 4)
    world.ready()
    with world.model.reading() as view:
        assert list(view.named("", "2017-02")) == ["Alice", "Charlie"]
        assert view.active_customers("2017-02", view.types.slot("MISC")) == 2
    for offset, partition in ((1_000, 0), (1_001, 1)):
        key = encode_key(CustomerMonthKey(partition, "2017-02", "Charlie"))
        world.model.apply([Record(0, offset, key, None, 0)])
        assert shown(world) == {"Charlie": {"MISC": (3, 2)}, "Alice": {"MISC": (4, 1)}}
    world.clock.seconds += 2
    world.model.tick()
    assert shown(world) == {"Alice": {"MISC": (4, 1)}}
    with world.model.reading() as view:
        assert list(view.named("", "2017-02")) == ["Alice"]
        assert view.active_customers("2017-02", view.types.slot("MISC")) == 1
        assert view.imbalance().customers_micros == 3


def test_half_a_commit_is_not_shown() -> None:
    """Records show when the last one of their commit has come, whichever that is."""
    world = World()
    world.event("Charlie", 100)
    world.ready()
    world.event("Charlie", 50)
    world.event("Alice", 7)
    records = world.committed.commit()
    for order in (records, records[::-1], records[1:] + records[:1]):
        fresh = World()
        fresh.event("Charlie", 100)
        fresh.ready()
        for number, one in enumerate(order):
            assert shown(fresh) == {"Charlie": {"MISC": (100, 1)}}
            fresh.model.apply([Record(1, number, one.key, one.value, 0)])
        assert shown(fresh) == {"Charlie": {"MISC": (150, 2)}, "Alice": {"MISC": (7, 1)}}


def test_partitions_show_by_themselves() -> None:
    """A commit of one input partition does not wait for another one's."""
    world = World().ready()
    world.event("Charlie", 1, partition=0)
    first = world.committed.commit()
    world.event("Charlie", 2, partition=1)
    second = world.committed.commit()
    world.model.apply(second[:1])
    world.model.apply([Record(1, number, one.key, one.value, 0) for number, one in enumerate(first)])
    assert shown(world) == {"Charlie": {"MISC": (1, 1)}}


def test_books_that_do_not_agree_are_shown_after_a_while() -> None:
    """New money is not hidden for ever, and the difference is told."""
    world = World().ready()
    key = CustomerMonthKey(0, "2017-02", "Charlie")
    world.model.apply([record(key, 0, MISC=(100, 1))])
    assert shown(world) == {}
    world.clock.seconds += 0.9
    world.model.tick()
    assert shown(world) == {}
    world.clock.seconds += 0.2
    world.model.tick()
    assert shown(world) == {"Charlie": {"MISC": (100, 1)}}
    difference = world.model.imbalance()
    assert (difference.customers_micros, difference.customers_records, difference.hours_micros) == (100, 1, 0)


def test_nothing_is_known_before_the_end_of_the_topic() -> None:
    """Not a number is shown until all has been read."""
    world = World()
    world.event("Charlie", 1)
    world.commit()
    with pytest.raises(NotKnownError) as raised, world.model.reading():
        pass
    assert (raised.value.state, raised.value.retry_after_seconds) == (State.CATCHING_UP, 1)
    world.model.catching_up(3, 12)
    with pytest.raises(NotKnownError, match="25% done"), world.model.reading():
        pass
    world.model.caught_up()
    assert shown(world) == {"Charlie": {"MISC": (1, 1)}}


def test_being_ready_waits_for_a_whole_commit() -> None:
    """The end of the topic may lie within a commit: its rest is awaited, but not for ever."""
    world = World()
    world.event("Charlie", 1)
    records = world.committed.commit()
    world.model.apply(records[:-1])
    world.model.caught_up()
    assert state_of(world) == "catching_up"
    world.model.apply(records[-1:])
    world.model.tick()
    assert state_of(world) == "ready"

    late = World()
    late.model.apply(records[:-1])
    late.model.caught_up()
    late.clock.seconds += 1.5
    late.model.tick()
    assert (late.model.state, late.model.imbalance().customers_records) == (State.READY, 1)


def test_a_newer_version_ends_all_guessing() -> None:
    """Numbers are no longer shown, and it is said why."""
    world = World()
    world.event("Charlie", 1)
    world.ready()
    key = encode_key(CustomerMonthKey(0, "2017-02", "Charlie"))
    world.model.apply([Record(0, 99, key, b'{"v":2,"types":{}}', 0)])
    with pytest.raises(NotKnownError, match="update this program") as raised, world.model.reading():
        pass
    assert raised.value.state is State.UNKNOWN_VERSION
    world.model.caught_up()
    assert world.model.state is State.UNKNOWN_VERSION


def test_a_topic_of_an_older_version_is_not_read_in_part(caplog: pytest.LogCaptureFixture) -> None:
    """Customers' records have kept their form, hours' have not: nothing is shown, and it is said once."""
    world = World()
    world.event("Charlie", 1)
    world.model.apply([Record(0, 99 + n, b"hour|0|%d" % (n * 3_600_000), b'{"v":1,"types":{}}', 0) for n in range(9)])
    world.model.catching_up(10, 10)
    world.model.caught_up()
    assert world.model.state is State.UNKNOWN_VERSION
    assert "count again" in world.model.why
    assert world.model.records_unreadable["subtotals"] == 9
    assert len([text for text in caplog.messages if "older than" in text]) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [(None, b"x"), (b"other|1", b"{}"), (b"customer|0|2017-02|a", b"nonsense"), (b"progress|0", b'{"v":3,"x":2}')],
)
def test_a_record_that_is_none_of_ours_is_counted_and_left_out(key: bytes | None, value: bytes) -> None:
    """Somebody else's record stops nothing."""
    world = World()
    world.event("Charlie", 1)
    world.ready()
    world.model.apply([Record(0, 99, key, value, 0)])
    assert world.model.records_unreadable == {"subtotals": 1, "invoices": 0}
    assert shown(world) == {"Charlie": {"MISC": (1, 1)}}


def test_delays_are_told_of_what_is_newly_shown() -> None:
    """Not of what was there before the exporter: that would be the age of the deployment."""
    seen: list[int] = []
    model = ReadModel(TYPES, "UTC", "EUR", on_shown=lambda _partition, _from, progress: seen.append(progress.accepted))
    committed = CommittedSums()
    committed.event("Charlie", 1)
    model.apply(committed.commit())
    model.caught_up()
    assert seen == []
    committed.event("Charlie", 1)
    model.apply(committed.commit())
    assert seen == [2]


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    """Steady, slowing down, and none at rest."""
    world = World().ready()
    for _ in range(20):
        world.clock.seconds += 1
        world.event("Charlie", 1, count=30)
        world.commit()
    assert world.model.consumed_per_second() == pytest.approx(30)
    world.clock.seconds += 5
    assert world.model.consumed_per_second() == pytest.approx(15)
    world.clock.seconds += 60
    assert world.model.consumed_per_second() == 0
    world.event("Charlie", 1, count=100)
    world.commit()
    assert world.model.consumed_per_second() == pytest.approx(10)


def state(model: ReadModel) -> dict[str, dict[str, dict[str, tuple[int, int]]]]:
    with model.reading() as view:
        unpack = view.types.unpack
        return {m: {c: unpack(sums) for c, sums in view.customers(m).items()} for m in view.months()}


def state_of(world: World) -> str:
    return world.model.state.value


def shown(world: World) -> dict[str, dict[str, tuple[int, int]]]:
    return state(world.model).get("2017-02", {})


def shuffled(committed: CommittedSums, seed: int) -> list[Record]:
    records = committed.commit()
    random.Random(seed).shuffle(records)
    return records


def renumbered(records: list[Record]) -> list[Record]:
    return [Record(0, offset, one.key, one.value, 0) for offset, one in enumerate(records)]


def test_the_progress_key_is_a_record_of_its_own() -> None:
    """A commit that only rejected moves the offset and no money."""
    world = World()
    world.event("Charlie", 1)
    world.ready()
    world.committed.reject("malformed", count=3)
    assert (world.committed.changed, world.committed.changed_progress) == (set(), {0})
    world.commit()
    assert world.model.next_offsets() == {0: 4}
    with world.model.reading() as view:
        assert view.rejected()["malformed"] == 3
