"""The pace of the generator."""

from generator.pace import Pace, events_a_second


def test_a_steady_rate_makes_up_for_uneven_calls() -> None:
    """Whatever the pauses between calls, the sum is rate times time."""
    pace = Pace(rate=100, last=0.0)
    moments = [0.001, 0.02, 0.5, 0.505, 0.9, 1.3, 2.0]
    assert sum(pace.due(moment, 1_000) for moment in moments) == 200


def test_what_exceeds_a_batch_stays_due() -> None:
    """A batch is bounded; the rest comes with the next call."""
    pace = Pace(rate=1_000, last=0.0)
    assert [pace.due(0.5, 300), pace.due(0.5, 300)] == [300, 200]


def test_a_long_pause_is_not_made_up_for() -> None:
    """After an outage of an hour a second's worth is due, not an hour's."""
    pace = Pace(rate=10, last=0.0)
    assert pace.due(3_600.0, 10_000) == 10


def test_a_slow_rate_sends_at_all() -> None:
    """One event in five seconds comes after five seconds, pauses and all."""
    pace = Pace(rate=0.2, last=0.0)
    assert [pace.due(second, 10) for second in (1.0, 2.0, 4.0, 5.0, 9.0, 10.0)] == [0, 0, 0, 1, 0, 1]


def test_no_rate_is_no_limit() -> None:
    """Rate 0 gives whole batches."""
    assert Pace(rate=0, last=0.0).due(0.0, 1_000) == 1_000


def test_a_delay_wins_over_the_rate() -> None:
    """The default rate does not get in the way of a delay."""
    assert events_a_second(10, 0.5) == 2
    assert events_a_second(10, 0) == 10
