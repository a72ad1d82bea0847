"""Adjustments: events like any other, and known again among them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.event import BillableEvent, EventRules, decode_event
from billing.money import MAX_AMOUNT_MICROS
from billing.period import month_calendar
from processor.kernel.ids import DAY_MS
from qb.replay.adjustment import Adjustment, AdjustmentFinder, Place, adjustments, decode_adjustment, encode_adjustment
from qb.replay.applying import EventTimes
from tests.explain.made_up import MadeUpBlock

PLACE = Place('Zoë "the" \\ one', "2026-10", "edge-2026-11", "CALL")
TIME_MS = 1_790_000_000_000
CUSTOMERS = st.text(min_size=1, max_size=20).filter(lambda text: text == text.strip() and text.isprintable())


@given(CUSTOMERS, st.integers(-MAX_AMOUNT_MICROS, MAX_AMOUNT_MICROS), st.integers(1, 10**9), st.booleans())
def test_an_adjustment_is_an_event_and_is_known_again(customer: str, micros: int, number: int, with_id: bool) -> None:
    """The rules of events read its exact amount, and a replay reads what it corrects."""
    adjustment = Adjustment(Place(customer, "2026-10", "rules", "DATA"), number, micros)
    key, value = encode_adjustment(adjustment, TIME_MS, with_id)
    event = decode_event(value, EventRules(), TIME_MS)
    assert event == BillableEvent(TIME_MS, customer, micros, "DATA", adjustment.name if with_id else "")
    assert key == customer.encode()
    assert decode_adjustment(value) == adjustment


@pytest.mark.parametrize(
    "fields",
    [
        {"adjustment": "qb-replay/2026-10/rules/CALL/0"},
        {"adjustment": "qb-replay/2026-10/rules/CALL"},
        {"adjustment": "qb-replay/2026-10/rules/CALL/1", "amount": "much"},
        {"adjustment": "qb-replay/2026-10/rules/CALL/1", "customer": 7},
        {"id": "qb-replay/2026-10/rules/CALL/1"},
    ],
)
def test_other_records_are_no_adjustments(fields: dict[str, object]) -> None:
    """Whatever they look like."""
    value = json.dumps({"customer": "Zoe", "amount": "1", **fields}, separators=(",", ":")).encode()
    assert decode_adjustment(value) is None
    assert decode_adjustment(b'{"adjustment":"qb-replay/') is None


def test_adjustments_are_found_among_other_records() -> None:
    """By compiled code, whatever the others hold."""
    first, second = (encode_adjustment(Adjustment(PLACE, number, -5), TIME_MS, True)[1] for number in (1, 2))
    values = [
        b"1,Zoe,1",
        first,
        None,
        b'{"customer":"a\\\\b"}',
        b"",
        b'1,"a""b",1',
        second,
        b'"adjustment":"qb-replay/',
    ]
    block = MadeUpBlock(values, [0] * len(values), list(range(len(values))))
    (records,) = block.by_partition()
    assert AdjustmentFinder().find(records) == {1: Adjustment(PLACE, 1, -5), 6: Adjustment(PLACE, 2, -5)}


@pytest.mark.parametrize("micros", [-1, 0, 7, MAX_AMOUNT_MICROS, -2 * MAX_AMOUNT_MICROS - 3])
def test_a_large_amount_is_several_adjustments(micros: int) -> None:
    """Each with a number of its own, and together exactly the amount."""
    found = adjustments(PLACE, 4, micros)
    assert sum(one.micros for one in found) == micros
    assert [one.number for one in found] == list(range(5, 5 + len(found)))
    assert all(abs(one.micros) <= MAX_AMOUNT_MICROS for one in found)


def test_event_times_lie_in_the_month_and_no_later_than_events_have_come() -> None:
    """By the months of the processors; an id only where it is not too old for one."""
    calendar = month_calendar("Europe/Berlin")
    start_ms, end_ms = calendar.bounds_ms("2026-10")
    for watermark_ms, expected_ms in ((start_ms - 1, start_ms), (start_ms + 9, start_ms + 9), (end_ms, end_ms - 1)):
        assert EventTimes(calendar, watermark_ms, None).of("2026-10") == expected_ms
    adjustment = Adjustment(Place("Zoe", "2026-10", "rules", "CALL"), 1, 1)
    for oldest_id_ms, has_id in ((None, False), (end_ms, False), (end_ms - 1, True), (end_ms - DAY_MS, True)):
        _, value = EventTimes(calendar, end_ms, oldest_id_ms).encode(adjustment)
        assert ("id" in json.loads(value)) == has_id
