"""The audit decides ids as the rules say, however many records it takes at a time."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.event import BillableEvent
from qb import known_ids
from qb.audit.once import Decision, PartitionDecider
from qb.audit.scratch import scratch_database
from tests.once_histories import START_MS, Sent, histories, random_history
from tests.once_model import DAY_MS, OnceModel, Outcome


def decided(history: Sequence[Sent], window_days: int, at_once: int) -> list[Decision]:
    """What the audit decides, in the order of the history."""
    found: dict[int, Decision] = {}
    with scratch_database() as database:
        for partition in sorted({sent.partition for sent in history}):
            decider = PartitionDecider(database, partition, window_days)
            records = [(n, sent.record) for n, sent in enumerate(history) if sent.partition == partition]
            for start in range(0, len(records), at_once):
                some = records[start : start + at_once]
                found |= zip([offset for offset, _ in some], decider.decide(some), strict=True)
    return [found[n] for n in range(len(history))]


def assert_same(history: Sequence[Sent], window_days: int, at_once: int) -> None:
    model = OnceModel(window_days)
    outcomes = [model.decide(sent.partition, n, sent.record) for n, sent in enumerate(history)]
    for n, (outcome, decision) in enumerate(zip(outcomes, decided(history, window_days, at_once), strict=True)):
        assert as_outcome(decision, outcome) == outcome, (n, history[n])


def as_outcome(decision: Decision, outcome: Outcome) -> Outcome:
    return Outcome(decision.reason, outcome.first_offset, decision.added, decision.taken)


@given(histories(max_size=60), st.integers(0, 3), st.integers(1, 20))
def test_it_decides_as_the_model(history: list[Sent], window_days: int, at_once: int) -> None:
    """Repeats, conflicts, voids, replacements, late and out of order."""
    assert_same(history, window_days, at_once)


def test_a_long_history_is_decided_as_the_model_does() -> None:
    """With thousands of ids; those of days gone by are deleted, and the table does not grow."""
    assert_same(random_history(7, 6_000), 2, 500)


def test_the_scratch_database_stays_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days behind the window are deleted whole, once they are most of what there is."""
    monkeypatch.setattr(known_ids, "_SWEPT_ROWS", 100)
    sizes = []
    with scratch_database() as database:
        decider = PartitionDecider(database, 0, 2)
        for day in range(40):
            events = [BillableEvent(START_MS + day * DAY_MS + n, "Zoe", 1, "CALL", f"{day}-{n}") for n in range(50)]
            decider.decide(list(enumerate(events, day * 50)))
            sizes.append(database.execute("SELECT COUNT(*) FROM ids_0").fetchone()[0])
    assert max(sizes) <= 450
    assert sizes[-1] >= 100
