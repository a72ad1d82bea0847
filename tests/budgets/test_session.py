"""Sessions over topics in memory: restarts, counting anew, torn commits, and several that decide."""

from random import Random

import pytest

from billing.budget import Budget
from billing.claim import Claim, FencedError
from billing.runtime.ledger_writer import LedgerLostError
from budgets.session import DecidingSession
from tests.budgets.model import Event
from tests.budgets.world import FaultyWriter, Log, Subtotals, open_in_memory

BUDGET = Budget(name="b", customer="*", amount="10", thresholds=(50, 100))
MONTH = "2026-01"


def session_of(subtotals: Subtotals, log: Log, *budgets: Budget, claim: Claim | None = None) -> DecidingSession:
    """Begin a session without a fault."""
    writer = FaultyWriter(log, Random(1), lambda: 0)
    return open_in_memory(subtotals, log, writer, budgets or [BUDGET], claim or Claim("ledger"))


def charge(euros: int, customer: str = "Ada", month: str = MONTH, partition: int = 0) -> Event:
    return Event(partition, month, customer, "CALL", euros * 1_000_000)


def told(log: Log) -> list[tuple[str, int, str]]:
    """Return customer, threshold and kind of what was told."""
    return [(one[2], one[3], one[5]) for one in log.notifications()]


def test_partials_of_all_input_partitions_count_together() -> None:
    """No partition alone reaches the threshold."""
    subtotals, log = Subtotals(), Log()
    session = session_of(subtotals, log)
    for partition in range(3):
        subtotals.commit(partition, [charge(2, partition=partition)])
        session.go_on()
    assert told(log) == [("Ada", 50, "triggered")]


def test_earlier_months_are_passed_over() -> None:
    """A budget is watched from the month in which it was first seen, also by whoever comes a month later."""
    subtotals, log = Subtotals(), Log()
    subtotals.commit(0, [charge(20, month="2025-12"), charge(6)])
    session_of(subtotals, log)
    session_of(subtotals, log, BUDGET)
    assert told(log) == [("Ada", 50, "triggered")]


def test_a_raised_limit_resolves_what_it_covers() -> None:
    """So does a customer's month that has become nothing; thresholds that are gone stay as they were told."""
    subtotals, log = Subtotals(), Log()
    subtotals.commit(0, [charge(10)])
    session_of(subtotals, log)
    session_of(subtotals, log, Budget(name="b", customer="*", amount="50", thresholds=(50,)))
    assert told(log) == [("Ada", 50, "triggered"), ("Ada", 100, "triggered"), ("Ada", 50, "resolved")]


def test_a_pattern_that_no_longer_matches_resolves_nothing() -> None:
    """What a customer uses is then not known here, which is not nothing."""
    subtotals, log = Subtotals(), Log()
    subtotals.commit(0, [charge(10)])
    session_of(subtotals, log)
    for budget in (
        Budget(name="b", customer="Bob", amount="10", thresholds=(50,)),
        Budget(name="b", amount="100", thresholds=(50,)),
        Budget(name="b", customer="*", amount="10", thresholds=(50,), first_month="2026-02"),
        Budget(name="other", customer="*", amount="1000", thresholds=(50,)),
    ):
        session_of(subtotals, log, budget)
    assert len(told(log)) == 2


def test_nothing_is_decided_while_the_input_is_counted_anew() -> None:
    """Subtotals that hold less than the ledger was decided on say nothing until they have caught up."""
    subtotals, log = Subtotals(), Log()
    events = [charge(6), charge(6)]
    subtotals.commit(0, events)
    session_of(subtotals, log)
    anew = Subtotals()
    anew.commit(0, events[:1])
    session = session_of(anew, log)
    assert session.decider.is_held
    assert len(told(log)) == 2
    anew.commit(0, events[1:])
    session.go_on()
    assert not session.decider.is_held
    anew.commit(0, [charge(-3)])
    session.go_on()
    assert told(log)[2:] == [("Ada", 100, "resolved")]


def test_nothing_is_decided_behind_half_a_commit() -> None:
    """Compaction has taken what its records replace: they say nothing before their input partition goes on."""
    subtotals, log = Subtotals(), Log()
    subtotals.commit(0, [charge(6)])
    session_of(subtotals, log)
    subtotals.tear(0, [charge(1)], length=1)
    session = session_of(subtotals, log)
    assert session.decider.is_held
    session.go_on()
    assert told(log) == [("Ada", 50, "triggered")]
    subtotals.commit(0, [charge(3)])
    session.go_on()
    assert told(log) == [("Ada", 50, "triggered"), ("Ada", 100, "triggered")]


def test_the_one_that_was_started_later_decides() -> None:
    """The other one leaves when it next looks, or when it loses the ledger; what is told is told once."""
    subtotals, log, claim = Subtotals(), Log(), Claim("ledger")
    old = session_of(subtotals, log, claim=claim)
    new = session_of(subtotals, log)
    subtotals.commit(0, [charge(6)])
    with pytest.raises(LedgerLostError):
        old.go_on()
    new.go_on()
    with pytest.raises(FencedError, match=r"another invoicer|another qb budgets"):
        old.check_claim()
    with pytest.raises(FencedError):
        session_of(subtotals, log, claim=claim)
    new.go_on()
    assert told(log) == [("Ada", 50, "triggered")]


def test_many_are_told_in_several_transactions() -> None:
    """A month of thousands of customers over their limit is no single large transaction."""
    subtotals, log = Subtotals(), Log()
    subtotals.commit(0, [charge(6, f"C{number}") for number in range(2_500)])
    session_of(subtotals, log)
    assert len(told(log)) == 2_500
    assert sum(key == b"reached" for key, _ in log.records) == 3
