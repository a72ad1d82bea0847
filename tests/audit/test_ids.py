"""The audit recounts ids, voids and replacements, and finds what was counted twice or not taken back."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.event import BillableEvent, Reason, Void
from billing.subtotal import ProgressKey, decode_progress, encode_key
from qb.audit.findings import Check, Findings
from tests.audit.once_world import OnceWorld
from tests.examples import examples
from tests.once_histories import START_MS, Sent, histories, random_history
from tests.once_model import DAY_MS, OnceModel, Outcome

HISTORY = random_history(3, 2_500)


@pytest.fixture
def world() -> OnceWorld:
    return OnceWorld(HISTORY)


def told(world: OnceWorld, partition: int, name: str) -> int:
    number: int = getattr(decode_progress(world.subtotals[encode_key(ProgressKey(partition))] or b""), name)
    return number


def where(world: OnceWorld, reason: Reason | None, kind: type = BillableEvent, place: int = 8) -> int:
    """The position of a record of a kind that became something."""
    found = [
        n
        for n, outcome in enumerate(world.outcomes)
        if outcome.reason is reason and isinstance(world.history[n].record, kind)
    ]
    return found[place]


def subjects(findings: Findings, check: Check) -> list[str]:
    return [difference.subject for difference in findings.differences if difference.check is check]


@settings(max_examples=examples(50))
@given(histories(), st.integers(0, 3), st.booleans())
def test_what_the_rules_say_is_clean(history: list[Sent], window_days: int, keeps_duplicates: bool) -> None:
    """Whatever was sent; duplicates may be among the rejected records or not."""
    world = OnceWorld(history, window_days, keeps_duplicates=keeps_duplicates)
    assert world.audit().differences == []


def test_its_figures_are_those_of_the_model(world: OnceWorld) -> None:
    """Consumed = accepted + rejected + duplicates."""
    model, figures = OnceModel(2), world.audit().figures
    for n, sent in enumerate(HISTORY):
        model.decide(sent.partition, n, sent.record)
    of = model.partitions.values()
    assert figures["duplicates"] == sum(one.duplicates for one in of) > 50
    assert figures["voids"] == sum(one.voids for one in of) > 50
    assert figures["replacements"] == sum(one.replaces for one in of) > 50
    assert sum(int(figures[name]) for name in ("accepted", "rejected", "duplicates")) == len(HISTORY)


@settings(max_examples=examples(50))
@given(histories(max_size=60), st.data())
def test_an_audit_while_counting_is_clean(history: list[Sent], data: st.DataObject) -> None:
    """Subtotals of commits after the cut are explained by the records between cut and reach, whatever these do."""
    first = data.draw(st.integers(0, len(history)))
    second = data.draw(st.integers(first, len(history)))
    world = OnceWorld(history, counted=first)
    newer = dict(world.count(second))
    world.subtotals |= {key: value for n, (key, value) in enumerate(newer.items()) if n % 2 and b"progress" not in key}
    world.later_subtotals = [dict(newer), dict(world.count(len(history)))]
    assert world.audit().differences == []


def test_a_planted_double_is_found(world: OnceWorld) -> None:
    """An event that was counted again, where it should have been a duplicate, and only that."""
    position = where(world, Reason.DUPLICATE)
    record = world.history[position].record
    assert isinstance(record, BillableEvent)
    world.plant(position, Outcome(adds=record))
    findings, partition = world.audit(), world.history[position].partition
    what = f"input partition {partition}: "
    sums = {f"{what}accepted sum"} if record.amount_micros else set()
    assert set(subjects(findings, Check.PROGRESS)) == {f"{what}accepted", f"{what}duplicates"} | sums
    assert len(subjects(findings, Check.CUSTOMERS)) == len(subjects(findings, Check.HOURS)) == 1
    assert record.customer in subjects(findings, Check.CUSTOMERS)[0]


def test_a_planted_void_that_took_nothing_back_is_found(world: OnceWorld) -> None:
    """It was counted, but the event is still in the sums."""
    position = where(world, None, Void)
    world.plant(position, replace(world.outcomes[position], takes_back=None))
    findings = world.audit()
    assert len(subjects(findings, Check.CUSTOMERS)) == len(subjects(findings, Check.HOURS)) == 1


def test_a_planted_void_that_is_missing_is_found(world: OnceWorld) -> None:
    """It was left out, as if it had never come."""
    position = where(world, None, Void)
    world.plant(position, Outcome(Reason.DUPLICATE))
    findings, partition = world.audit(), world.history[position].partition
    assert {f"input partition {partition}: voids"} <= set(subjects(findings, Check.PROGRESS))
    assert len(subjects(findings, Check.CUSTOMERS)) == 1


@pytest.mark.parametrize("name", ["duplicates", "voids", "replaces"])
def test_a_planted_wrong_count_is_found(world: OnceWorld, name: str) -> None:
    """Each count of the progress record, and nothing else."""
    world.change_progress(1, **{name: told(world, 1, name) + 1})
    (difference,) = world.audit().differences
    assert difference.check is Check.PROGRESS
    assert difference.subject == f"input partition 1: {name.replace('replaces', 'replacements')}"


@pytest.mark.parametrize("reason", [Reason.ID_CONFLICT, Reason.TOO_OLD, Reason.UNKNOWN_ID, Reason.ALREADY_VOIDED])
def test_a_planted_wrong_reason_is_found(world: OnceWorld, reason: Reason) -> None:
    """In the rejected topic and in the progress record."""
    kind = Void if reason in (Reason.UNKNOWN_ID, Reason.ALREADY_VOIDED) else BillableEvent
    position = where(world, reason, kind)
    wrong = Reason.UNKNOWN_ID if reason is not Reason.UNKNOWN_ID else Reason.ID_CONFLICT
    world.plant(position, Outcome(wrong))
    findings, record = world.audit(), world.input[position]
    assert subjects(findings, Check.REJECTED) == [f"input {record.partition}@{record.offset}"]
    assert len(subjects(findings, Check.PROGRESS)) == 2


def test_duplicates_that_are_kept_must_all_be_there() -> None:
    """From the first one on: before that the setting was another."""
    world = OnceWorld(HISTORY, keeps_duplicates=True)
    kept = [n for n, one in enumerate(world.rejected) if dict(one.headers)["reason"] == b"duplicate"]
    lost = world.rejected.pop(kept[50])
    headers = dict(lost.headers)
    place = f"{headers['source-partition'].decode()}@{headers['source-offset'].decode()}"
    (difference,) = world.audit().differences
    assert (difference.subject, difference.expected) == (f"input {place}", "rejected as duplicate")
    world = OnceWorld(HISTORY, keeps_duplicates=True)
    del world.rejected[kept[0]]
    assert world.audit().is_clean


def test_where_the_beginning_is_gone_nothing_is_guessed(world: OnceWorld) -> None:
    """What may repeat, void or replace a deleted record is not called wrong, and nothing is called clean."""
    world.input_starts[1] = gone = 100
    world.input = [one for one in world.input if one.partition == 0 or one.offset >= gone]
    world.rejected = [
        one
        for one in world.rejected
        if dict(one.headers)["source-partition"] == b"0" or int(dict(one.headers)["source-offset"]) >= gone
    ]
    findings = world.audit()
    assert not findings.is_clean
    assert "input partition 1: start" in subjects(findings, Check.INPUT)
    assert subjects(findings, Check.REJECTED) == []
    (note,) = findings.notes
    assert note.startswith("input partition 1 begins at offset 100: whether any of its ")
    assert "; 0 are decided otherwise" not in note


def event(id_: str, days: int, customer: str = "Zoe", micros: int = 5_000_000) -> BillableEvent:
    return BillableEvent(START_MS + days * DAY_MS, customer, micros, "CALL", id_)


INVOICED: list[BillableEvent | Void] = [
    event("a", 1), event("b", 2), event("c", 3), event("d", 33), Void("Zoe", "a"), event("e", 34), event("f", 63),
    Void("Zoe", "d"),
]  # fmt: skip


@pytest.mark.parametrize("closed", [1, 2])
def test_what_is_taken_back_after_its_invoice_is_no_difference(closed: int) -> None:
    """It is owed to the customer until the next invoice, which has an adjustment for it."""
    world = OnceWorld([Sent(0, record) for record in INVOICED], 100)
    world.close("2017-03", 3)
    if closed == 2:
        world.close("2017-04", 7)
    assert world.audit().differences == []


def test_a_void_that_no_invoice_knows_of_is_found() -> None:
    """It was there when a month closed, so that it was due when the next one did."""
    world = OnceWorld([Sent(0, record) for record in INVOICED], 100)
    world.close("2017-03", 5)
    world.close("2017-04", 7)
    right = world.audit()
    assert right.is_clean
    world = OnceWorld([Sent(0, record) for record in INVOICED], 100)
    void, world.outcomes[4] = world.outcomes[4], Outcome(Reason.DUPLICATE)
    world.close("2017-03", 5)
    world.close("2017-04", 7)
    world.outcomes[4] = void
    assert subjects(world.audit(), Check.OPEN) == ["Zoe 2017-03 CALL, billed of what was used"]
