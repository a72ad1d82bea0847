"""What is listed of records with ids is what the rules say became of them, and what is taken back is marked."""

from collections import Counter
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from billing.event import BillableEvent, EventRules, Reason, Void
from billing.listed_record import Fate, Listed
from billing.period import month_calendar
from qb.audit.scratch import scratch_database
from qb.explain.fates import FateFinder, marked
from qb.explain.matching import CustomerFinder, months_of
from qb.explain.rejected_places import RejectedPlaces
from qb.explain.scope import Amount, Place, Scope, Sums
from tests.explain.made_up import MadeUpBlock
from tests.once_histories import CUSTOMERS, START_MS, Sent, histories, payload_of, random_history
from tests.once_model import DAY_MS, OnceModel, Outcome

CALENDAR = month_calendar("UTC")
NOW_MS = START_MS + 900 * DAY_MS
ENDS = {0: 10**6, 1: 10**6}


def everything(customer: str) -> Scope:
    return Scope(customer, "", "2019-01", "", ENDS)


def outcomes_of(history: Sequence[Sent], window_days: int) -> list[Outcome]:
    model = OnceModel(window_days)
    return [model.decide(sent.partition, offset, sent.record) for offset, sent in enumerate(history)]


def listed(history: Sequence[Sent], scope: Scope, window_days: int, block_size: int = 7) -> Iterator[Listed]:
    """What the command lists, the input cut into blocks; the topic of rejected records holds what it must."""
    finder, places = CustomerFinder(EventRules(), scope.customer, months_of(scope, CALENDAR)), RejectedPlaces()
    for offset, (sent, outcome) in enumerate(zip(history, outcomes_of(history, window_days), strict=True)):
        if outcome.reason not in (None, Reason.DUPLICATE):
            places.add(sent.partition, offset, str(outcome.reason))
    with scratch_database() as database:
        fates = FateFinder(database, finder.lister, window_days)
        for start in range(0, len(history), block_size):
            some = history[start : start + block_size]
            values = [payload_of(sent.record, n) for n, sent in enumerate(some)]
            offsets = range(start, start + len(some))
            block = MadeUpBlock(values, [sent.partition for sent in some], offsets)
            yield from filter(scope.holds, fates.listed(list(finder.found(block, NOW_MS, places))))


def sums_of(history: Sequence[Sent], scope: Scope, window_days: int) -> dict[Place, Amount]:
    """What is billed, by the model."""
    sums: dict[Place, Amount] = {}
    for outcome in outcomes_of(history, window_days):
        for event, sign in ((outcome.adds, 1), (outcome.takes_back, -1)):
            if event is None or event.customer != scope.customer:
                continue
            place = CALENDAR.month_of(event.timestamp_ms), event.type
            if scope.first_month <= place[0] <= scope.last_month:
                micros, count = sums.get(place, (0, 0))
                sums[place] = micros + sign * event.amount_micros, count + sign
    return sums


def added(records: Sequence[Listed]) -> dict[Place, Amount]:
    sums = Sums()
    for one in records:
        sums.add(one)
    return sums.found


@given(histories(max_size=60), st.sampled_from(CUSTOMERS), st.integers(0, 3), st.integers(1, 20))
def test_what_is_listed_adds_up_to_what_the_rules_bill(
    history: list[Sent], customer: str, window_days: int, block_size: int
) -> None:
    """And each record of the customer is listed with what became of it."""
    scope = everything(customer)
    found = list(listed(history, scope, window_days, block_size))
    assert added(found) == sums_of(history, scope, window_days)
    told = {(one.offset, one.fate, one.reason) for one in found}
    for offset, (sent, outcome) in enumerate(zip(history, outcomes_of(history, window_days), strict=True)):
        if sent.record.customer == customer:
            assert expected(offset, sent, outcome) <= told
            told -= expected(offset, sent, outcome)
    assert told == set()


def expected(offset: int, sent: Sent, outcome: Outcome) -> set[tuple[int, Fate, str]]:
    """How a record must be listed: its offset, fate and reason."""
    if outcome.reason is Reason.DUPLICATE:
        return {(offset, Fate.DUPLICATE, "duplicate")}
    if outcome.reason is not None:
        return {(offset, Fate.REJECTED, outcome.reason.value)}
    way = "void" if isinstance(sent.record, Void) else "replace"
    back = {(offset, Fate.TAKES_BACK, way)} if outcome.takes_back else set()
    return back | ({(offset, Fate.COUNTED, "")} if outcome.adds else set())


def test_one_month_of_many() -> None:
    """Its sums are right whichever month what is taken back, or takes back, lies in."""
    history = random_history(5, 3_000)
    months = Counter(
        CALENDAR.month_of(sent.record.timestamp_ms) for sent in history if isinstance(sent.record, BillableEvent)
    )
    assert len(months) > 3
    for month in months:
        scope = Scope("Zoe", month, month, "", ENDS)
        found = list(listed(history, scope, 2, 500))
        assert added(found) == sums_of(history, scope, 2)
        assert {one.month for one in found} <= {month, ""}


def test_what_is_taken_back_is_marked() -> None:
    """Once all is read; the sums stay what they were."""
    event = BillableEvent(START_MS, "Zoe", 5, "CALL", "a")
    other = BillableEvent(START_MS + 1, "Zoe", 7, "DATA", "b")
    again = BillableEvent(START_MS + 2, "Zoe", 6, "CALL", "c", replaces="b")
    history = [Sent(0, one) for one in (event, other, again, event, Void("Zoe", "a"), Void("Zoe", "c", "v"))]
    found = list(marked(listed(history, everything("Zoe"), 35)))
    assert [(one.offset, one.fate, one.amount_micros, one.detail) for one in found] == [
        (0, Fate.VOIDED, 5, ""),
        (1, Fate.REPLACED, 7, ""),
        (2, Fate.TAKES_BACK, -7, "takes back b, counted at offset 1"),
        (2, Fate.VOIDED, 6, ""),
        (3, Fate.DUPLICATE, None, "repeats offset 0"),
        (4, Fate.TAKES_BACK, -5, "takes back a, counted at offset 0"),
        (5, Fate.TAKES_BACK, -6, "takes back c, counted at offset 2"),
    ]
    assert set(added(found).values()) == {(0, 0)}


def test_what_a_void_takes_back_may_be_deleted() -> None:
    """It is listed without an amount, and says so; the sum is not what is told then."""
    history = [Sent(0, BillableEvent(START_MS, "Zoe", 5, "CALL", "a")), Sent(0, Void("Zoe", "a"))]
    finder = CustomerFinder(EventRules(), "Zoe", months_of(everything("Zoe"), CALENDAR))
    block = MadeUpBlock([payload_of(history[1].record)], [0], [1])
    with scratch_database() as database:
        (one,) = FateFinder(database, finder.lister, 35).listed(list(finder.found(block, NOW_MS, RejectedPlaces())))
    assert (one.fate, one.amount_micros, one.events) == (Fate.TAKES_BACK, None, 0)
    assert one.detail == "takes back a, which is not in the input any more"
