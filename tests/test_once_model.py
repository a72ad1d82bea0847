"""The model of ids says what docs/once.md says, and what it counts adds up."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from billing.event import BillableEvent, EventRules, Reason, Void, decode_record
from tests.for_each import for_each
from tests.once_histories import START_MS, Sent, histories, payload_of, random_history
from tests.once_model import DAY_MS, OnceModel, Outcome, Record


def event(id_: str = "", days: float = 0, amount_micros: int = 5, replaces: str = "", customer: str = "Zoe") -> Record:
    return BillableEvent(int(START_MS + days * DAY_MS), customer, amount_micros, "CALL", id_, replaces)


def void(target: str, id_: str = "", customer: str = "Zoe") -> Void:
    return Void(customer, target, id_)


A, LATER = event("a"), event(days=37)
COUNTED = None

# What is sent, and what becomes of it; the window has 35 days.
CASES: dict[str, list[tuple[Record, Reason | None]]] = {
    "without an id": [(event(), COUNTED), (event(), COUNTED)],
    "again": [(A, COUNTED), (A, Reason.DUPLICATE), (A, Reason.DUPLICATE)],
    "another customer's": [(A, COUNTED), (event("a", customer="Yan"), COUNTED)],
    "other amount": [(A, COUNTED), (event("a", amount_micros=6), Reason.ID_CONFLICT), (A, Reason.DUPLICATE)],
    "other day": [(A, COUNTED), (event("a", 1), Reason.ID_CONFLICT)],
    "an event and a replacement": [(A, COUNTED), (event("b"), COUNTED), (event("a", 0, 5, "b"), Reason.ID_CONFLICT)],
    "an event and a void": [(A, COUNTED), (event("b"), COUNTED), (void("b", "a"), Reason.ID_CONFLICT)],
    "at the window's edge": [(event(days=35), COUNTED), (A, COUNTED)],
    "behind the window": [(event(days=35.00001), COUNTED), (A, Reason.TOO_OLD), (event(), COUNTED)],
    "known behind the window": [(A, COUNTED), (event(days=35.9), COUNTED), (A, Reason.DUPLICATE)],
    "forgotten": [(A, COUNTED), (event(days=36), COUNTED), (A, Reason.TOO_OLD), (event("a", 30), COUNTED)],
    "void": [(A, COUNTED), (void("a"), COUNTED), (A, Reason.DUPLICATE), (void("a"), Reason.ALREADY_VOIDED)],
    "void twice": [(A, COUNTED), (void("a", "v"), COUNTED), (void("a", "v"), Reason.DUPLICATE)],
    "void of two": [(A, COUNTED), (void("a", "v"), COUNTED), (void("b", "v"), Reason.ID_CONFLICT)],
    "void of nothing": [(void("a"), Reason.UNKNOWN_ID), (event("a"), COUNTED), (void("a"), COUNTED)],
    "void of another's": [(A, COUNTED), (void("a", customer="Yan"), Reason.UNKNOWN_ID)],
    "void of a void": [(A, COUNTED), (void("a", "v"), COUNTED), (void("v"), Reason.UNKNOWN_ID)],
    "void of what is forgotten": [(A, COUNTED), (LATER, COUNTED), (void("a"), Reason.UNKNOWN_ID)],
    "a void's id goes with the day": [
        (A, COUNTED), (event(days=20), COUNTED), (void("a", "v"), COUNTED), (LATER, COUNTED),
        (void("a", "v"), Reason.UNKNOWN_ID), (event("v", 36), COUNTED),
    ],
    "replace": [
        (A, COUNTED), (event("b", 1, 7, "a"), COUNTED), (event("b", 1, 7, "a"), Reason.DUPLICATE),
        (void("a"), Reason.ALREADY_VOIDED), (event("c", 0, 0, "a"), Reason.ALREADY_VOIDED), (void("b"), COUNTED),
    ],
    "replace by its own id": [(A, COUNTED), (event("a", 0, 5, "a"), Reason.ID_CONFLICT)],
    "replace by one that is old": [
        (event(days=36), COUNTED), (event("a", 20), COUNTED), (event("b", 0, 5, "a"), Reason.TOO_OLD),
        (event("", 0, 5, "a"), COUNTED), (void("a"), Reason.ALREADY_VOIDED),
    ],
    "what is rejected is not known": [
        (event("a", 0, 5, "x"), Reason.UNKNOWN_ID), (event("a", 0, 5, "x"), Reason.UNKNOWN_ID), (A, COUNTED),
    ],
}  # fmt: skip


@for_each(CASES.items())
def test_the_rules(case: tuple[str, list[tuple[Record, Reason | None]]]) -> None:
    """Each row of the page, and the edges of the window."""
    model = OnceModel()
    for offset, (record, reason) in enumerate(case[1]):
        assert model.decide(0, offset, record).reason == reason, (offset, record)


def test_without_a_window_all_events_count() -> None:
    """Nothing is known then."""
    model = OnceModel(0)
    assert [model.decide(0, n, one).reason for n, one in enumerate((A, A, void("a"), event("b", 0, 1, "a")))] == [
        None, None, Reason.UNKNOWN_ID, Reason.UNKNOWN_ID,
    ]  # fmt: skip


def test_partitions_know_nothing_of_each_other() -> None:
    """Nor of each other's watermark; a conflict names where the first one is."""
    model = OnceModel()
    assert model.decide(0, 7, A) == Outcome(adds=A)  # type: ignore[arg-type]
    assert model.decide(1, 0, LATER).reason is None
    assert model.decide(1, 1, A).reason is Reason.TOO_OLD
    assert model.decide(0, 8, event("a", 1)) == Outcome(Reason.ID_CONFLICT, 7)


@given(histories(), st.integers(0, 3))
def test_what_it_counts_adds_up(history: list[Sent], window_days: int) -> None:
    """Consumed = accepted + rejected + duplicates, and what is billed are the events that are left."""
    model = OnceModel(window_days)
    assert_adds_up(model, history)


def assert_adds_up(model: OnceModel, history: list[Sent]) -> None:
    moved: Counter[BillableEvent] = Counter()
    for offset, sent in enumerate(history):
        outcome = model.decide(sent.partition, offset, sent.record)
        moved.update([outcome.adds] if outcome.adds else [])
        moved.subtract([outcome.takes_back] if outcome.takes_back else [])
    assert +moved == Counter(model.billed)
    assert min(moved.values(), default=0) >= 0
    for partition in model.partitions.values():
        assert partition.accepted - 2 * partition.voids - partition.replaces == len(partition.billed)
        assert partition.accepted_micros == sum(one.amount_micros for one in partition.billed)
    assert sum(partition.consumed for partition in model.partitions.values()) == len(history)


def test_a_long_history_meets_every_outcome() -> None:
    """Otherwise it would test little."""
    model, history = OnceModel(2), random_history(1, 4_000)
    assert_adds_up(model, history)
    met = {reason for partition in model.partitions.values() for reason in partition.rejected}
    assert met == {Reason.ID_CONFLICT, Reason.TOO_OLD, Reason.UNKNOWN_ID, Reason.ALREADY_VOIDED}
    assert all(one.duplicates and one.voids and one.replaces for one in model.partitions.values())


@given(histories(max_size=10), st.integers(0, 7))
def test_a_record_is_read_as_it_was_meant(history: list[Sent], spelling: int) -> None:
    """However it is spelled."""
    for sent in history:
        assert decode_record(payload_of(sent.record, spelling), EventRules(), START_MS + 999 * DAY_MS) == sent.record
