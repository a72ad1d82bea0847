"""The stream of generated events."""

from itertools import islice

import pytest

from billing.clock import FixedClock
from billing.event import REASONS_OF_ORDER, EventRejectedError, EventRules, Reason, decode_event
from generator.clock import SteppingClock
from generator.events import EventMix, GeneratedEvent, generate_events
from generator.names import NAMES

START_MS = 1_483_228_800_000  # 2017-01-01
HOUR_MS = 3_600_000


def take(count: int, mix: EventMix | None = None, seed: int = 1) -> list[GeneratedEvent]:
    """Events that are a minute apart."""
    return list(islice(generate_events(mix or EventMix(), seed, SteppingClock(START_MS, 60_000)), count))


def test_the_same_seed_makes_the_same_bytes() -> None:
    """Two streams of one seed and clock are equal; another seed makes another stream."""
    mix = EventMix(malformed_share=0.2, late_share=0.1)
    assert take(500, mix) == take(500, mix)
    assert take(500, mix) != take(500, mix, seed=2)


def test_the_truth_of_each_event_is_what_the_decoder_finds() -> None:
    """Whatever the form and the fault, decoding gives the expected event or the expected reason."""
    mix = EventMix(malformed_share=0.3, late_share=0.1, credit_share=0.1)
    for event in take(5_000, mix):
        if event.expected is not None:
            assert decode_event(event.payload, EventRules(), START_MS + 10**11) == event.expected
        else:
            with pytest.raises(EventRejectedError) as rejected:
                decode_event(event.payload, EventRules(), START_MS + 10**11)
            assert rejected.value.reason is event.reason


def test_every_reason_comes_up() -> None:
    """A stream of malformed records covers the closed list, but for what depends on records before."""
    assert {event.reason for event in take(500, EventMix(malformed_share=1))} == set(Reason) - REASONS_OF_ORDER


def test_unkeyed_events_have_no_key_and_keyed_ones_their_customer() -> None:
    """The key is the customer or nothing."""
    assert {event.key for event in take(100, EventMix(keyed=False))} == {None}
    for event in take(100):
        assert event.expected is not None
        assert event.key == event.expected.customer.encode()


@pytest.mark.parametrize(
    ("form", "commas"),
    [("csv3", 2), ("csv4", 3), ("csv5", 4)],
)
def test_a_csv_form_has_its_number_of_fields(form: str, commas: int) -> None:
    """The forms differ in the fields that they name; without a type the default type is expected."""
    for event in take(100, EventMix(formats=(form,))):
        assert event.payload is not None
        assert event.payload.count(b",") == commas
        assert event.expected is not None
        assert form != "csv3" or event.expected.type == "MISC"
        assert bool(event.expected.id) == (form == "csv5")


def test_ten_customers_are_the_ten_fixed_names() -> None:
    """By default ten first names are billed, all of them."""
    assert {event.expected.customer for event in take(2_000) if event.expected} == set(NAMES)


def test_many_customers_have_numbered_names() -> None:
    """A thousand customers are told apart by a number."""
    names = {event.expected.customer for event in take(20_000, EventMix(customers=1_000)) if event.expected}
    assert len(names) > 900
    assert "Charlie-000002" in names


def test_events_lie_behind_the_clock_by_no_more_than_allowed() -> None:
    """In time: within the out-of-order reach; late ones: within the late reach."""
    clock = FixedClock(START_MS)
    mix = EventMix(out_of_order_ms=HOUR_MS, late_share=0.5, late_ms=100 * HOUR_MS)
    events = list(islice(generate_events(mix, 1, clock), 2_000))
    behind = [START_MS - event.expected.timestamp_ms for event in events if event.expected]
    assert min(behind) >= 0
    assert 90 * HOUR_MS < max(behind) <= 100 * HOUR_MS
    assert 0.4 < sum(lag > HOUR_MS for lag in behind) / len(behind) < 0.6


def test_shares_are_kept() -> None:
    """Credits and malformed records come up as often as asked for."""
    events = take(20_000, EventMix(malformed_share=0.1, credit_share=0.25))
    good = [event.expected for event in events if event.expected]
    assert len(events) - len(good) == pytest.approx(2_000, rel=0.1)
    assert sum(event.amount_micros < 0 for event in good) / len(good) == pytest.approx(0.25, rel=0.1)


def test_types_of_a_deployment_are_used() -> None:
    """A type that nobody foresaw has a price too, and is no unknown type."""
    mix = EventMix(types=("SMS", "MISC"), malformed_share=0.5, formats=("csv4",))
    rules = EventRules(types=mix.types)
    assert {event.expected.type for event in take(500, mix) if event.expected} == {"SMS", "MISC"}
    for event in take(500, mix):
        if event.reason is Reason.UNKNOWN_TYPE:
            with pytest.raises(EventRejectedError, match="unknown_type"):
                decode_event(event.payload, rules, START_MS + 10**11)
