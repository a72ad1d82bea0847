"""One test that holds for each of many cases, and tells of every case for which it does not."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Case = TypeVar("Case")


def for_each(cases: Iterable[Case]) -> Callable[[Callable[[Case], None]], Callable[[], None]]:
    """Return a decorator that runs a test of one case for all cases.

    It is for checks that take less time than pytest needs to set a test up.

    Raises:
        AssertionError: (the test made) there are no cases, so that nothing would be checked.
        ExceptionGroup: (the test made) what went wrong, a member for each case that failed, its name in a note.
    """
    all_cases = list(cases)

    def decorate(test: Callable[[Case], None]) -> Callable[[], None]:
        # Not functools.wraps: pytest would take the test's argument for a fixture.
        def run() -> None:
            check_each(all_cases, test)

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return run

    return decorate


def check_each(cases: Iterable[Case], check: Callable[[Case], None]) -> None:
    """Run a check for all cases: for tests that have fixtures besides.

    Raises:
        AssertionError: there are no cases, so that nothing would be checked.
        ExceptionGroup: what went wrong, a member for each case that failed, its name in a note.
    """
    all_cases = list(cases)
    assert all_cases, "no cases"
    faults = [fault for case in all_cases if (fault := _fault(check, case))]
    if faults:
        raise ExceptionGroup(f"{len(faults)} of {len(all_cases)} cases failed", faults)


def _fault(test: Callable[[Case], None], case: Case) -> Exception | None:
    try:
        test(case)
    except Exception as error:
        error.add_note(f"Case: {case}")
        return error
    return None
