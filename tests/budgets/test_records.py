"""The records of `billing.notifications`: what is written is read, and nothing else is."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.notification import Delivery, DeliveryState, Kind, Notification, Threshold
from billing.notification_ledger import Claimed, FirstMonth, LedgerRecord, Reached, Sender, decode, encode
from billing.subtotal import RecordError, UnknownVersionError

NOTIFICATION = Notification(
    Threshold("calls", "2026-10", "a|b|c", 80), 2, Kind.TRIGGERED, 85_000_000, 10**20, False, "CALL", "EUR", 1_000
)
NUMBERS = st.integers(0, 2**63 - 1)
NOTIFICATIONS = st.builds(
    Notification,
    st.builds(Threshold, st.just("b"), st.just("2026-10"), st.text(), st.integers(1, 10_000)),
    NUMBERS,
    st.sampled_from(Kind),
    st.integers(-(10**30), 10**30),
    st.integers(1, 10**30),
    st.booleans(),
    st.sampled_from(["", "CALL"]),
    st.just("EUR"),
    NUMBERS,
)
RECORDS = st.one_of(
    NOTIFICATIONS,
    st.builds(
        Delivery, st.text("abc_", min_size=1), st.sampled_from(DeliveryState), NUMBERS, NUMBERS, NUMBERS, st.text()
    ),
    st.builds(FirstMonth, st.text("ab-."), st.just("2026-10")),
    st.builds(Reached, st.dictionaries(st.integers(0, 100), NUMBERS)),
    st.builds(Claimed, st.text()),
    st.builds(Sender, st.text()),
)


@given(RECORDS)
def test_what_is_written_is_read(record: LedgerRecord) -> None:
    """Every record, whatever a customer is called and however large a sum."""
    assert decode(*encode(record)) == record


@pytest.mark.parametrize("key", [b"", b"notification|2026-10|b", b"delivery|x", b"other", b"\xff", b"budget|x"])
def test_anything_else_is_refused(key: bytes) -> None:
    """A record of somebody else, or a part of one."""
    with pytest.raises(RecordError):
        decode(key, b'{"v":1}')


@pytest.mark.parametrize(("key", "value"), [(None, b"{}"), (b"claim", None), (b"claim", b""), (b"claim", b"[]")])
def test_a_part_of_a_record_is_refused(key: bytes | None, value: bytes | None) -> None:
    """Tombstones too: nobody writes any."""
    with pytest.raises(RecordError):
        decode(key, value)


def test_a_newer_version_says_so() -> None:
    """It is not guessed at."""
    with pytest.raises(UnknownVersionError, match="newer"):
        decode(b"claim", b'{"v":2,"holder":""}')


def test_the_id_tells_notifications_apart() -> None:
    """It names the crossing, not how much was used, so that deciding again gives the same one."""
    ledger = "billing.notifications"
    assert NOTIFICATION.id(ledger) == replace(NOTIFICATION, used=1, limit=2, decided_ms=3).id(ledger)
    others = [
        replace(NOTIFICATION, ordinal=3),
        replace(NOTIFICATION, kind=Kind.RESOLVED),
        *(
            replace(NOTIFICATION, threshold=replace(NOTIFICATION.threshold, **change))
            for change in ({"budget": "x"}, {"month": "2026-11"}, {"customer": "x"}, {"percent": 81})
        ),
    ]
    assert len({one.id(ledger) for one in [NOTIFICATION, *others]} | {NOTIFICATION.id("other")}) == len(others) + 2


def test_the_body_is_money_in_decimal_text() -> None:
    """No float, and nobody's name where all have it together."""
    body = orjson.loads(NOTIFICATION.body("ledger"))
    assert (body["type"], body["timestamp"]) == ("budget.triggered", "1970-01-01T00:00:01Z")
    data = body["data"]
    assert (data["used"], data["limit"], data["currency"]) == ("85.000000", "100000000000000.000000", "EUR")
    assert (data["customer"], data["event_type"], data["threshold_percent"]) == ("a|b|c", "CALL", 80)
    together = replace(NOTIFICATION, threshold=replace(NOTIFICATION.threshold, customer=""), is_count=True, type="")
    data = orjson.loads(together.body("ledger"))["data"]
    assert (data["customer"], data["event_type"], data["used_count"]) == (None, None, 85_000_000)
