"""When a month is due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicer.due import ClosingRule, Decision, DueState, PartitionState, decide

HOUR = 3_600_000
DAY = 24 * HOUR
END = 1_793_491_200_000
RULE = ClosingRule(out_of_orderness_ms=12 * HOUR, grace_ms=3 * DAY, idle_after_ms=900_000)
PASSED = END + 3 * DAY + 12 * HOUR


def partition(number: int, highest: int, *, read: bool = True, silent: int = 0) -> PartitionState:
    """Make the state of one partition."""
    return PartitionState(number, highest, read, silent)


def test_a_month_is_due_when_all_partitions_have_passed_it() -> None:
    """The highest event time less the out-of-orderness has reached the end plus grace, to the millisecond."""
    assert decide(END, [partition(0, PASSED), partition(1, PASSED)], 0, RULE) == Decision(DueState.DUE)
    one_short = [partition(0, PASSED), partition(1, PASSED - 1)]
    assert decide(END, one_short, 0, RULE) == Decision(DueState.HELD_UP, (1,))


def test_nothing_is_due_before_its_time() -> None:
    """Partitions that are all idle close nothing: nobody says that the month is over."""
    idle = [partition(0, END - DAY, silent=10 * DAY)]
    assert decide(END, idle, END + 3 * DAY - 1, RULE) == Decision(DueState.OPEN)


def test_an_idle_partition_does_not_hold_the_others_up() -> None:
    """Read to its end and silent for long enough; either of them alone is not enough."""
    others = partition(0, PASSED)
    assert decide(END, [others, partition(1, 0, silent=900_000)], 0, RULE).state is DueState.DUE
    assert decide(END, [others, partition(1, 0, silent=899_999)], 0, RULE).held_up_by == (1,)
    assert decide(END, [others, partition(1, 0, read=False, silent=DAY)], 0, RULE).held_up_by == (1,)


def test_the_clock_closes_a_month_that_has_fallen_silent() -> None:
    """In real time a month closes though no event comes any more, but never with unread input."""
    assert decide(END, [partition(0, END - DAY, silent=DAY)], END + 3 * DAY, RULE).state is DueState.DUE
    unread = [partition(0, END - DAY, read=False, silent=DAY)]
    assert decide(END, unread, END + 30 * DAY, RULE) == Decision(DueState.HELD_UP, (0,))


states = st.builds(
    PartitionState,
    st.integers(0, 3),
    st.integers(PASSED - 5, PASSED + 5),
    st.booleans(),
    st.sampled_from([0, 899_999, 900_000]),
)


@given(st.lists(states, max_size=4, unique_by=lambda p: p.partition), st.integers(END, END + 4 * DAY))
def test_what_is_due_stays_due(partitions: list[PartitionState], now_ms: int) -> None:
    """Later events and a later clock never take a due month back."""
    if decide(END, partitions, now_ms, RULE).state is DueState.DUE:
        later = [
            PartitionState(p.partition, p.highest_event_ms + 1, p.read_to_end, p.silent_ms + 1) for p in partitions
        ]
        assert decide(END, later, now_ms + 1, RULE).state is DueState.DUE


@pytest.mark.parametrize("now_ms", [0, END + 4 * DAY])
def test_a_topic_without_partitions_is_decided_by_the_clock(now_ms: int) -> None:
    """Without any partition only the clock can tell."""
    expected = DueState.DUE if now_ms else DueState.OPEN
    assert decide(END, [], now_ms, RULE).state is expected
