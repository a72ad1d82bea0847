"""The rule at its edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.budget import Budget
from billing.notification import Kind
from budgets.decide import Crossing, Told, decide

BUDGET = Budget(name="b", amount="100", thresholds=(50, 100), hysteresis=5)
MICRO = 1
EUROS = 1_000_000


def due(used: int, told: dict[int, Told]) -> list[tuple[int, int, str]]:
    """Return what is due, in short."""
    return [(one.percent, one.ordinal, one.kind.value) for one in decide(BUDGET, used, told)]


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        (50 * EUROS - MICRO, []),
        (50 * EUROS, [(50, 1, "triggered")]),
        (100 * EUROS - MICRO, [(50, 1, "triggered")]),
        (100 * EUROS, [(50, 1, "triggered"), (100, 1, "triggered")]),
        (-EUROS, []),
        (0, []),
    ],
)
def test_a_threshold_is_reached_from_its_share_on(used: int, wanted: list[tuple[int, int, str]]) -> None:
    """To the micro; several at once come in ascending order."""
    assert due(used, {}) == wanted


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        (95 * EUROS, []),
        (95 * EUROS - MICRO, [(100, 3, "resolved")]),
        (45 * EUROS, [(100, 3, "resolved")]),
        (45 * EUROS - MICRO, [(100, 3, "resolved"), (50, 1, "resolved")]),
    ],
)
def test_it_is_left_below_the_hysteresis(used: int, wanted: list[tuple[int, int, str]]) -> None:
    """To the micro; it has the ordinal of the crossing that it ends, and the highest comes first."""
    assert due(used, {50: Told(1, Kind.TRIGGERED), 100: Told(3, Kind.TRIGGERED)}) == wanted


def test_a_later_crossing_has_the_next_ordinal() -> None:
    """After it was resolved."""
    assert due(50 * EUROS, {50: Told(4, Kind.RESOLVED)}) == [(50, 5, "triggered")]


@given(st.lists(st.integers(-200 * EUROS, 300 * EUROS), max_size=30))
def test_what_is_told_settles_it(uses: list[int]) -> None:
    """Once it is told, nothing more is due of the same use; kinds take turns."""
    told: dict[int, Told] = {}
    for used in uses:
        crossings: list[Crossing] = list(decide(BUDGET, used, told))
        for one in crossings:
            before = told.get(one.percent, Told(0, Kind.RESOLVED))
            assert one.kind is not before.kind
            assert one.ordinal == before.ordinal + (one.kind is Kind.TRIGGERED)
        told |= {one.percent: Told(one.ordinal, one.kind) for one in crossings}
        assert not list(decide(BUDGET, used, told))
