"""``--standalone``: a made-up business that follows from the seed and the clock, on every path."""

from billing.clock import FixedClock
from billing.local_time import MS_PER_HOUR
from billing.settings import Settings
from billing.sums import Sums, event_count
from exporter.feeds.made_up import EVENTS_PER_HOUR
from exporter.feeds.standalone import StandaloneFeed
from exporter.model.read_model import ReadModel
from exporter.model.state import State

NOW_MS = 1_488_142_855_000


def feed(now_ms: int, seed: int = 1) -> tuple[StandaloneFeed, ReadModel, FixedClock]:
    clock = FixedClock(now_ms)
    settings = Settings(seed=seed)
    # The clock of the settings is the wall's; here it stands still.
    settings.__dict__["clock"] = clock
    model = ReadModel(settings.types, settings.time_zone, settings.currency)
    made_up = StandaloneFeed(settings, model)
    made_up.tick()
    model.caught_up()
    return made_up, model, clock


def sums(model: ReadModel) -> dict[str, Sums | None]:
    with model.reading() as view:
        return {month: view.month_sums(month) for month in view.months()}


def test_the_same_seed_makes_the_same_past() -> None:
    """And another seed another one."""
    first, again, other = feed(NOW_MS)[1], feed(NOW_MS)[1], feed(NOW_MS, seed=2)[1]
    assert list(sums(first)) == ["2016-12", "2017-01", "2017-02"]
    assert sums(first) == sums(again) != sums(other)
    with first.reading() as view:
        assert view.as_of_ms is not None
        assert NOW_MS - MS_PER_HOUR < view.as_of_ms <= NOW_MS
        assert [view.status(month).value for month in view.months()] == ["final", "final", "open"]
        assert not view.imbalance()


def test_it_moves() -> None:
    """By the second, event by event, in whole commits."""
    made_up, model, clock = feed(NOW_MS)
    before = events(model)
    clock.time_ms += 60_000
    made_up.tick()
    assert events(model) - before == 60 * EVENTS_PER_HOUR // 3_600
    assert model.state is State.READY
    assert not model.imbalance()


def test_hours_follow_one_another() -> None:
    """An hour that was begun by events is ended by events, and no hour is left out."""
    made_up, model, clock = feed(NOW_MS)
    for _ in range(5):
        clock.time_ms += MS_PER_HOUR // 2
        made_up.tick()
    assert not model.imbalance()
    with model.reading() as view:
        hours = view.hours(NOW_MS - MS_PER_HOUR, clock.time_ms)
        assert [hour for hour, _ in hours] == [NOW_MS - NOW_MS % MS_PER_HOUR + n * MS_PER_HOUR for n in range(3)]
        assert [event_count(one) for _, one in hours[:2]] == [EVENTS_PER_HOUR, EVENTS_PER_HOUR]


def test_a_month_closes_when_its_time_has_come() -> None:
    """Invoices for all customers, each amount once."""
    made_up, model, clock = feed(NOW_MS)
    clock.time_ms += 3 * 24 * MS_PER_HOUR
    made_up.tick()
    with model.reading() as view:
        assert view.months()[-1] == "2017-03"
        assert view.status("2017-02") == "final"
        issued = view.invoices.closed()[-1]
        assert issued.month == "2017-02"
        assert issued.exact_micros == sum(view.month_sums("2017-02")[::2])


def events(model: ReadModel) -> int:
    return sum(event_count(one or ()) for one in sums(model).values())
