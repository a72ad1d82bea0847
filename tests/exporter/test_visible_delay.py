"""The delay from Kafka to here, whatever producers stamp their records with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.subtotal import Progress
from exporter.model.visible_delay import VisibleDelay

HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000


class Clock:
    """A wall clock that is set by hand."""

    now = NOW_MS

    def now_ms(self) -> int:
        return self.now


@pytest.fixture
def delay() -> VisibleDelay:
    return VisibleDelay(lambda _: None, Clock())


def note(delay: VisibleDelay, stamp_ms: int, counted_from: int, partition: int = 0) -> float | None:
    delay.note(partition, counted_from, Progress(next_offset=counted_from + 5, oldest_record_ms=stamp_ms))
    return delay.newest_seconds


def test_a_true_stamp_is_what_counts(delay: VisibleDelay) -> None:
    """It is later than the newest answer before it."""
    delay.saw_ends(NOW_MS - 1_500, {0: 100})
    assert note(delay, NOW_MS - 400, 100) == 0.4


def test_a_stamp_of_an_hour_ago_is_bounded_by_what_the_broker_told(delay: VisibleDelay) -> None:
    """When the partition ended where the commit begins, none of its records had come."""
    delay.saw_ends(NOW_MS - 3_000, {0: 100})
    delay.saw_ends(NOW_MS - 1_000, {0: 100})
    assert note(delay, NOW_MS - HOUR_MS, 100) == 1.0


def test_what_has_waited_has_waited(delay: VisibleDelay) -> None:
    """Records that were there ten seconds ago and were not counted then are ten seconds late, stamped or not."""
    delay.saw_ends(NOW_MS - 10_000, {0: 100})
    delay.saw_ends(NOW_MS - 9_000, {0: 105})
    delay.saw_ends(NOW_MS - 1_000, {0: 500})
    assert note(delay, NOW_MS - HOUR_MS, 100) == 10.0
    assert note(delay, NOW_MS - HOUR_MS, 105) == 9.0


def test_without_an_answer_the_stamp_is_all_there_is(delay: VisibleDelay) -> None:
    """Nor does another partition's answer tell anything; a stamp of the future is now."""
    delay.saw_ends(NOW_MS - 1_000, {1: 100})
    assert note(delay, NOW_MS - HOUR_MS, 100) == 3_600.0
    assert note(delay, NOW_MS + HOUR_MS, 100) == 0.0
    delay.saw_ends(NOW_MS - 1_000, {0: 101})
    assert note(delay, NOW_MS - HOUR_MS, 100) == 3_600.0


@given(st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 50)), max_size=30), st.integers(0, 50))
def test_the_delay_is_never_less_than_what_the_answers_allow(answers: list[tuple[int, int]], counted_from: int) -> None:
    """Whatever ends were told: no record is taken for younger than an answer that it was not in."""
    delay = VisibleDelay(lambda _: None, Clock())
    for ago_ms, end in answers:
        delay.saw_ends(NOW_MS - ago_ms, {0: end})
    found = note(delay, NOW_MS - HOUR_MS, counted_from)
    allowed = [ago_ms for ago_ms, end in answers if end <= counted_from]
    assert found == min(allowed, default=HOUR_MS) / 1_000
