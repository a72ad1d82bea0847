"""Records that refer to earlier ones: the truth that the generator tells is what the rules of ids say."""

from collections import Counter
from itertools import islice
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.event import REASONS_OF_ORDER, BillableEvent, EventRejectedError, EventRules, Reason, Void, decode_record
from billing.period import MonthCalendar
from billing.settings import EVENT_FORMATS, load_settings
from generator.clock import SteppingClock
from generator.events import EventMix, GeneratedEvent, generate_events
from generator.expected import ExpectedTotals
from tests.examples import examples
from tests.once_model import DAY_MS, OnceModel, Outcome

START_MS = 1_483_228_800_000  # 2017-01-01
PARTITIONS = 3
NOW_MS = START_MS + 10**11

shares = st.floats(0, 0.25)


@st.composite
def mixes(draw: st.DrawFn) -> EventMix:
    """Return a mix with references, in a window that may be shorter than events are late."""
    window_days = draw(st.integers(1, 40))
    return EventMix(
        customers=draw(st.integers(1, 30)),
        formats=tuple(draw(st.lists(st.sampled_from(EVENT_FORMATS), min_size=1, max_size=4))),
        malformed_share=draw(shares),
        out_of_order_ms=draw(st.sampled_from([0, 60_000, DAY_MS])),
        late_share=draw(shares),
        late_ms=draw(st.integers(0, 50 * DAY_MS)),
        repeat_share=draw(shares),
        conflict_share=draw(shares),
        void_share=draw(shares),
        replace_share=draw(shares),
        dedup_window_ms=window_days * DAY_MS,
    )


@settings(max_examples=examples(60))
@given(mix=mixes(), seed=st.integers(0, 2**32), step_ms=st.sampled_from([1, 60_000, 10_000_000]))
def test_the_truth_is_what_the_rules_say(mix: EventMix, seed: int, step_ms: int) -> None:
    """Each record is accepted, rejected or a duplicate as told, and the totals are the events that are left."""
    model, totals = OnceModel(mix.dedup_window_ms // DAY_MS), ExpectedTotals(MonthCalendar("Europe/Berlin"))
    for offset, event in enumerate(islice(generate_events(mix, seed, SteppingClock(START_MS, step_ms)), 600)):
        assert decided(model, offset, event) == Outcome(event.reason, -1, event.expected, event.takes_back)
        totals.add(event)
    left = model.billed
    assert totals.events == len(left)
    assert totals.accepted_micros == sum(event.amount_micros for event in left)
    assert sum(count for _, count in totals.customers.values()) == len(left)
    assert {name for _, name, _ in totals.customers} == {event.customer for event in left}
    told = list(model.partitions.values())
    assert (totals.accepted, totals.voids, totals.replaces, totals.duplicates) == (
        sum(one.accepted for one in told),
        sum(one.voids for one in told),
        sum(one.replaces for one in told),
        sum(one.duplicates for one in told),
    )


def decided(model: OnceModel, offset: int, event: GeneratedEvent) -> Outcome:
    """Return what becomes of a record, without the offset of what it repeats."""
    try:
        record = decode_record(event.payload, EventRules(), NOW_MS)
    except EventRejectedError as error:
        return Outcome(error.reason)
    assert event.key == record.customer.encode()
    outcome = model.decide(crc32(event.key) % PARTITIONS, offset, record)
    return Outcome(outcome.reason, -1, outcome.adds, outcome.takes_back)


def take(count: int, mix: EventMix, step_ms: int = 60_000) -> list[GeneratedEvent]:
    """Return events that are a minute apart."""
    return list(islice(generate_events(mix, 1, SteppingClock(START_MS, step_ms)), count))


def test_shares_are_kept() -> None:
    """Each kind comes up as often as asked for, a little less at the beginning, when there is nothing to refer to."""
    mix = EventMix(repeat_share=0.1, conflict_share=0.05, void_share=0.08, replace_share=0.04)
    found: Counter[str] = Counter()
    for event in take(20_000, mix):
        record = decode_record(event.payload, EventRules(), NOW_MS)
        kind = "void" if isinstance(record, Void) else "replacement" if record.replaces else "event"
        found[str(event.reason or kind)] += 1
    assert {name: found[name] / 20_000 for name in ("duplicate", "id_conflict", "void", "replacement")} == {
        "duplicate": pytest.approx(0.1, rel=0.1),
        "id_conflict": pytest.approx(0.05, rel=0.1),
        "void": pytest.approx(0.08, rel=0.1),
        "replacement": pytest.approx(0.04, rel=0.1),
    }


def test_a_repeat_may_be_spelled_otherwise() -> None:
    """The same content as CSV and as JSON, events, voids and replacements."""
    events = take(5_000, EventMix(repeat_share=0.3, void_share=0.1, replace_share=0.1))
    repeats = [event.payload or b"" for event in events if event.reason is Reason.DUPLICATE]
    sent = {event.payload for event in events if event.reason is None}
    assert any(payload not in sent for payload in repeats)
    assert {payload[:1] == b"{" for payload in repeats} == {True, False}
    assert any(b'"void"' in payload for payload in repeats)
    assert any(b'"replace"' in payload for payload in repeats)


def test_nothing_refers_to_anything_unless_asked_for() -> None:
    """Then every id is new, also in a stream of the same seed at another time."""
    ids = Counter[str]()
    for start_ms in (START_MS, START_MS + 1):
        for event in islice(generate_events(EventMix(), 1, SteppingClock(start_ms, 60_000)), 3_000):
            assert event.reason not in REASONS_OF_ORDER
            assert isinstance(event.expected, BillableEvent)
            if event.expected.id:
                ids[event.expected.id] += 1
    assert max(ids.values()) == 1


def test_an_event_too_old_for_the_window_has_no_id() -> None:
    """It would be rejected: whether it repeats another cannot be told."""
    mix = EventMix(formats=("json",), late_share=0.5, late_ms=80 * DAY_MS)
    events = [event.expected for event in take(2_000, mix, 1) if event.expected]
    assert {START_MS - event.timestamp_ms < 34 * DAY_MS for event in events if event.id} == {True}
    assert any(not event.id for event in events)


@pytest.mark.parametrize("more", [{"keyed": False}, {"dedup_window_days": 0}])
def test_references_need_keys_and_ids(more: dict[str, object]) -> None:
    """A repeat in another partition would count twice: the settings say so before anything is sent."""
    with pytest.raises(Exception, match="refer to earlier ones by their ids: set `keyed`"):
        load_settings({"repeat_share": 0.1, **more}, {})
    load_settings(more, {})
    with pytest.raises(ValueError, match="need a key"):
        EventMix(void_share=0.1, keyed=False)
