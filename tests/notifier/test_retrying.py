"""When a notification is tried again."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.retrying import Failure, Outcome, RetryRule, parse_retry_after

RULE = RetryRule(first_pause_seconds=5, longest_pause_seconds=3_600, give_up_seconds=86_400)


def test_pauses_double_up_to_the_longest() -> None:
    """Half of each is fixed, the other half is drawn."""
    assert [RULE.pause_seconds(tries, 0) for tries in (1, 2, 3, 10, 11, 5_000)] == [2.5, 5, 10, 1_280, 1_800, 1_800]


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_pause_has_bounds(tries: int, jitter: float) -> None:
    """However often it was tried."""
    assert 2.5 <= RULE.pause_seconds(tries, jitter) <= 3_600


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), (" 7 ", 7), ("0", 0), ("", 0), ("-5", 0), ("1.5", 0), ("soon", 0), ("٣", 0), ("9" * 5_000, 1e12),
     (format_datetime(datetime.fromtimestamp(1_060, UTC), usegmt=True), 60),
     ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Thu, 99 Jan 1970 00:00:00 GMT", 0)],
)  # fmt: skip
def test_a_receiver_asks_for_a_pause(text: str, seconds: float) -> None:
    """In seconds or by a date; what is neither asks for nothing."""
    assert parse_retry_after(text, 1_000) == seconds


@given(st.text())
def test_no_header_is_too_odd(text: str) -> None:
    """Whatever a receiver writes there."""
    assert parse_retry_after(text, 1_000) >= 0


def test_a_pause_that_is_asked_for_has_a_limit() -> None:
    """A receiver that asks for a year is asked again within the longest pause."""
    assert RULE.asked_pause_seconds(Outcome(Failure.STATUS, "", 10**9)) == 3_600


@pytest.mark.parametrize(
    ("failure", "after_ms", "is_last"),
    [(Failure.STATUS, 86_399_999, False), (Failure.TIMEOUT, 86_400_000, True), (Failure.GONE, 0, True)],
)
def test_when_it_is_given_up(failure: Failure, after_ms: int, is_last: bool) -> None:
    """After its time, or at once by a receiver that wants nothing more."""
    assert RULE.is_last(Outcome(failure), 1_000, 1_000 + after_ms) is is_last
