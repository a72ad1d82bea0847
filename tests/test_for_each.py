"""A test of many cases fails for each case that is wrong, and never for want of cases."""

import pytest

from tests.for_each import for_each


def test_every_wrong_case_is_told() -> None:
    """Whatever goes wrong in a case, the others are still looked at, and each fault names its case."""

    @for_each([1, 0, 2])
    def halves(case: int) -> None:
        assert 2 / case == 1

    with pytest.raises(ExceptionGroup, match="2 of 3 cases failed") as caught:
        halves()
    assert [type(fault) for fault in caught.value.exceptions] == [AssertionError, ZeroDivisionError]
    assert [fault.__notes__ for fault in caught.value.exceptions] == [["Case: 1"], ["Case: 0"]]


def test_right_cases_pass() -> None:
    """Each case has been looked at."""
    seen: list[int] = []
    for_each([1, 2, 3])(seen.append)()
    assert seen == [1, 2, 3]


def test_no_cases_is_a_failure() -> None:
    """A check of nothing cannot fail, so it is no check."""
    cases: list[int] = []
    with pytest.raises(AssertionError, match="no cases"):
        for_each(cases)(print)()
