"""Each fault alone is found for what it is."""

import pytest

from billing.event import REASONS_OF_ORDER, EventRejectedError, EventRules, Reason, decode_event
from generator.malformed import FAULTS, Draft, Fault

NOW_MS = 1_488_142_855_000
RULES = EventRules()
DRAFT = Draft(
    timestamp_s=NOW_MS // 1_000,
    customer="Charlie",
    amount="199.99",
    now_ms=NOW_MS,
    max_future_ms=RULES.max_future_ms,
    max_event_bytes=RULES.max_event_bytes,
    types=RULES.types,
)


def test_the_draft_itself_is_good() -> None:
    """Without a fault both forms decode, so each fault is the only one in its record."""
    for text in (DRAFT.csv(), DRAFT.json()):
        event = decode_event(text.encode(), RULES, NOW_MS)
        assert (event.timestamp_ms, event.customer, event.amount_micros) == (NOW_MS, "Charlie", 199_990_000)


def test_faults_cover_the_closed_list() -> None:
    """There is a fault for each reason."""
    assert set(FAULTS) == set(Reason) - REASONS_OF_ORDER


@pytest.mark.parametrize(
    ("reason", "fault"),
    [pytest.param(reason, fault, id=f"{reason}-{i}") for reason in FAULTS for i, fault in enumerate(FAULTS[reason])],
)
def test_each_fault_is_rejected_for_its_reason(reason: Reason, fault: Fault) -> None:
    """Decoding names the reason that the generator expects."""
    value = fault(DRAFT)
    with pytest.raises(EventRejectedError) as rejected:
        decode_event(value.encode() if isinstance(value, str) else value, RULES, NOW_MS)
    assert rejected.value.reason is reason


def test_the_future_stays_the_future() -> None:
    """A future event is still rejected after decades, so a replay gets the same result."""
    for fault in FAULTS[Reason.FUTURE_TIMESTAMP]:
        value = fault(DRAFT)
        assert isinstance(value, str)
        with pytest.raises(EventRejectedError, match="future_timestamp"):
            decode_event(value.encode(), RULES, NOW_MS + 40 * 365 * 86_400_000)
