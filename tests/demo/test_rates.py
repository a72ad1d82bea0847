"""Events a second from counts that begin anew with each month."""

import pytest

from qb.demo.rates import WINDOW_SECONDS, Rates


def test_unknown_before_two_looks() -> None:
    """Unknown is not zero."""
    rates = Rates()
    assert rates.per_second("a") is None
    rates.observe(0.0, "2017-01", {"a": 5})
    assert rates.per_second("a") is None


def test_the_rate_is_over_the_window() -> None:
    """What was before it counts no more."""
    rates = Rates()
    for second in range(20):
        rates.observe(float(second), "2017-01", {"a": 100 * min(second, 10), "b": 3 * second})
    assert rates.per_second("a") == 0
    assert rates.per_second("b") == pytest.approx(3)
    rates.observe(20.0, "2017-01", {"a": 1_000 + 50, "b": 60})
    assert rates.per_second("a") == pytest.approx(50 / WINDOW_SECONDS)


def test_a_new_month_begins_at_zero() -> None:
    """All that it holds has come since the last look at the month before."""
    rates = Rates()
    rates.observe(0.0, "2017-01", {"a": 900})
    rates.observe(1.0, "2017-01", {"a": 1_000})
    rates.observe(2.0, "2017-02", {"a": 40})
    assert rates.per_second("a") == pytest.approx(40)
    rates.observe(3.0, "2017-02", {"a": 140})
    assert rates.per_second("a") == pytest.approx(70)


def test_the_first_month_ever_is_no_burst() -> None:
    """History that was there before the demo looked is not taken for speed."""
    rates = Rates()
    rates.observe(0.0, "2017-01", {"a": 1_000_000})
    rates.observe(1.0, "2017-01", {"a": 1_000_001})
    assert rates.per_second("a") == pytest.approx(1)


def test_a_newcomer_among_the_top_has_no_rate_yet() -> None:
    """A customer who climbs into the list was not there to be counted before."""
    rates = Rates()
    rates.observe(0.0, "2017-01", {"a": 1})
    rates.observe(1.0, "2017-01", {"a": 2, "b": 77})
    assert rates.per_second("b") is None
