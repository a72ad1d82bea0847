"""Budgets in the settings: what is taken, what it means, and faults that say where they are."""

from pathlib import Path

import pytest

from billing.budget import ALL_TOGETHER, Budget
from billing.settings import Settings, SettingsError, load_settings

ONE = {"name": "all", "amount": "100"}
SUMS = {"CALL": (2_500_000, 3), "DATA": (-1_000_000, 2)}


def test_a_file_lists_budgets(tmp_path: Path) -> None:
    """Each form of a customer, and a limit of either kind."""
    config = tmp_path / "qb.yaml"
    config.write_text(
        """
budgets:
  - {name: everything, amount: '1000.50', thresholds: [100, 50]}
  - {name: each, customer: '*', type: CALL, count: 10}
  - {name: acme, customer: 'acme-*', amount: 20, hysteresis: 0, first_month: 2026-01}
""",
        encoding="utf-8",
    )
    everything, each, acme = load_settings({}, {}, config).budgets
    assert (everything.limit, everything.thresholds, everything.is_together) == (1_000_500_000, (50, 100), True)
    assert (each.limit, each.thresholds, each.is_together, each.is_of_one) == (10, (100,), False, False)
    assert (acme.limit, acme.first_month) == (20_000_000, "2026-01")


def test_the_environment_and_a_flag_take_yaml() -> None:
    """The same list in one line."""
    text = "[{name: all, amount: '100'}]"
    assert load_settings({}, {"QB_BUDGETS": text}).budgets == load_settings({"budgets": text}, {}).budgets
    assert load_settings({"budgets": ""}, {}).budgets == ()


@pytest.mark.parametrize(
    ("customer", "matching", "others"),
    [
        (None, ["Ada", "acme-1"], []),
        ("Ada", ["Ada"], ["ada", "Adam", "xAda"]),
        ("acme-*", ["acme-", "acme-1", "acme-\n1"], ["acme", "Acme-1"]),
        ("*", ["Ada", "a|b", "x\ny"], []),
        ("a?c", ["abc"], ["ac", "abbc"]),
        ("a[*]", ["a*"], ["ab"]),
    ],
)
def test_whom_a_budget_is_for(customer: str | None, matching: list[str], others: list[str]) -> None:
    """A name is that name alone; a pattern is a shell's; nothing is all together."""
    budget = Budget(name="b", amount="1", customer=customer)
    assert [name for name in [*matching, *others] if budget.matches(name)] == matching
    assert {budget.subject(name) for name in matching} == ({ALL_TOGETHER} if customer is None else set(matching))


@pytest.mark.parametrize(
    ("limit", "type_", "used"),
    [({"amount": "1"}, None, 1_500_000), ({"amount": "1"}, "CALL", 2_500_000), ({"count": 1}, None, 5),
     ({"count": 1}, "DATA", 2), ({"count": 1}, "MISC", 0)],
)  # fmt: skip
def test_what_is_measured(limit: dict[str, object], type_: str | None, used: int) -> None:
    """Micros or events, of one type or all."""
    assert Budget.model_validate({"name": "b", "type": type_, **limit}).measure(SUMS) == used


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        ([{"name": "a b", "amount": "1"}], r"budgets\[0\]\.name \(on the command line\): letters, digits"),
        ([ONE, {"name": "x", "amount": "0"}], r"budgets\[1\]\.amount .*: a limit is above zero"),
        ([{"name": "x", "amount": "1.0000001"}], "fractional digits"),
        ([{"name": "x", "amount": 9.9}], "in quotes"),
        ([{"name": "x", "count": 0}], "greater than 0"),
        ([{"name": "x", "count": 1, "amount": "1"}], "either an amount or a count"),
        ([{"name": "x"}], "either an amount or a count"),
        ([{**ONE, "thresholds": []}], "at least one"),
        ([{**ONE, "thresholds": [0]}], "1 to 10000"),
        ([{**ONE, "thresholds": [50, 50]}], "named twice"),
        ([{**ONE, "thresholds": [4]}], "hysteresis 5 is not below the lowest threshold, 4"),
        ([{**ONE, "first_month": "2026-13"}], "not a month"),
        ([{**ONE, "customer": ""}], "at least 1 character"),
        ([{**ONE, "type": "SMS"}], "all is of type 'SMS', not one of the types"),
        ([{**ONE, "limit": 1}], r"budgets\[0\]\.limit"),
        ([ONE, ONE], "two budgets are called all"),
        ("[{", "not a YAML list"),
    ],
)
def test_a_fault_says_where_it_is(budgets: object, message: str) -> None:
    """The budget by its place, what is wrong and what is allowed."""
    with pytest.raises(SettingsError, match=message):
        load_settings({"budgets": budgets}, {})


def test_without_budgets_nothing_is_set() -> None:
    """They are optional."""
    assert Settings().budgets == ()
