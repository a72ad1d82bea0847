"""What is listed and added is what a plain recount of the input gives, for a month and for each invoice."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from billing.event import BillableEvent, EventRejectedError, EventRules, decode_event
from billing.invoice import Invoice, make_invoice, not_billed
from billing.listed_record import Fate, Listed
from billing.period import month_calendar
from qb.audit.scratch import scratch_database
from qb.explain.conclusion import Kind, conclude
from qb.explain.fates import FateFinder
from qb.explain.matching import CustomerFinder, months_of
from qb.explain.rejected_places import RejectedPlaces
from qb.explain.scope import Amount, Asked, Place, Scope, Sums, ask_invoice, figures
from tests.explain.made_up import MadeUpBlock, payload

RULES = EventRules()
CALENDAR = month_calendar("Europe/Berlin")
MONTHS = ("2017-01", "2017-02", "2017-03")
NOW_MS = CALENDAR.bounds_ms("2017-12")[0]
CUSTOMERS = ("Zoe", "Zoé", "Joe", "a|b", "Zoe2")
PARTITIONS = 2

events = st.builds(
    BillableEvent,
    timestamp_ms=st.integers(CALENDAR.bounds_ms(MONTHS[0])[0], CALENDAR.bounds_ms(MONTHS[-1])[1] - 1),
    customer=st.sampled_from(CUSTOMERS),
    amount_micros=st.integers(-(10**12), 10**12),
    type=st.sampled_from(("MISC", "CALL")),
    id=st.sampled_from(("", "e1", "e 2")),
)
payloads = st.one_of(
    st.builds(payload, events, st.booleans()),
    st.sampled_from((b"", b"1488142855,Zoe,much", b"{}", b'{"customer":"Zoe"', b"\xff,Zoe,1", b"1488142855,Zoe,1,FAX")),
    st.builds(lambda event: payload(event) + b"\r\n", events),
)
logs = st.lists(st.tuples(st.integers(0, PARTITIONS - 1), payloads), max_size=60)
Log = list[tuple[int, bytes]]


def laid_out(log: Log) -> list[tuple[int, int, bytes]]:
    """Partition, offset and value of each record; some offsets hold none, as where a marker is."""
    ends, found = [0] * PARTITIONS, []
    for partition, value in log:
        ends[partition] += 1 + len(value) % 2
        found.append((partition, ends[partition] - 1, value))
    return found


def recount(log: Log, customer: str, ends: Mapping[int, int], type_: str = "") -> dict[Place, Amount]:
    """Micros and count by month and type, event for event."""
    sums: dict[Place, Amount] = {}
    for partition, offset, value in laid_out(log):
        try:
            event = decode_event(value, RULES, NOW_MS)
        except EventRejectedError:
            continue
        if event.customer == customer and offset < ends.get(partition, 0) and type_ in ("", event.type):
            place = CALENDAR.month_of(event.timestamp_ms), event.type
            micros, count = sums.get(place, (0, 0))
            sums[place] = micros + event.amount_micros, count + 1
    return sums


def listed(log: Log, scope: Scope, places: RejectedPlaces, block_size: int) -> list[Listed]:
    """What the command would list, the input cut into blocks."""
    finder = CustomerFinder(RULES, scope.customer, months_of(scope, CALENDAR))
    records, found = laid_out(log), list[Listed]()
    with scratch_database() as database:
        # Without a window: tests/explain/test_fates.py is about ids.
        fates = FateFinder(database, finder.lister, 0)
        for start in range(0, len(records), block_size):
            partitions, offsets, values = zip(*records[start : start + block_size], strict=True)
            block = MadeUpBlock(values, partitions, offsets)
            found += filter(scope.holds, fates.listed(list(finder.found(block, NOW_MS, places))))
    return found


def add(records: list[Listed]) -> Sums:
    sums = Sums()
    for one in records:
        sums.add(one)
    return sums


@given(
    logs, st.sampled_from(CUSTOMERS), st.sampled_from(MONTHS), st.sampled_from(("", "MISC")), st.integers(1, 30),
    st.lists(st.integers(0, 60), min_size=PARTITIONS, max_size=PARTITIONS), st.booleans(),
)  # fmt: skip
def test_a_month_is_its_events(
    log: Log, customer: str, month: str, type_: str, block_size: int, limits: list[int], planted: bool
) -> None:
    """They add up to the recount up to the offsets; a micro more, and they are not it."""
    ends = dict(enumerate(limits))
    scope = Scope(customer, month, month, type_, ends)
    told = {place: sums for place, sums in recount(log, customer, ends, type_).items() if place[0] == month}
    if planted:
        micros, count = told.get((month, "MISC"), (0, 0))
        told[month, "MISC"] = micros + 1, count
    asked = Asked("what is asked", scope, told)
    found = listed(log, scope, RejectedPlaces(), block_size)
    compared = list(figures(told, add(found).found))
    assert [figure.is_it for figure in compared] == [not (planted and one.type == "MISC") for one in compared]
    assert conclude(asked, compared, {}).kind is (Kind.IS_NOT_IT if planted else Kind.IS_IT)
    kept = {0: {0: 0}} if not planted else {0: {1: 5}}
    sentence = conclude(asked, compared, {"input": kept[0]})
    assert sentence.kind is (Kind.CANNOT_BE_TOLD if planted else Kind.IS_IT)
    for one in found:
        assert one.offset < ends[one.partition]
    places = [(one.partition, one.offset) for one in found]
    assert len(set(places)) == len(places)


@given(logs, st.sampled_from(CUSTOMERS), st.data())
def test_an_invoice_is_its_events(log: Log, customer: str, data: st.DataObject) -> None:
    """Each event is on one invoice, whichever months it came too late for, or on none yet."""
    records = laid_out(log)
    ends = dict.fromkeys(range(PARTITIONS), 0)
    billed: dict[str, dict[str, Amount]] = {}
    before: Invoice | None = None
    seen: list[tuple[int, int]] = []
    for month in (*MONTHS, "2017-04"):
        ends = {p: data.draw(st.integers(end, 2 * len(records) + 1)) for p, end in ends.items()}
        to_bill = {}
        total = recount(log, customer, ends)
        for usage in [one for one in MONTHS if one <= month]:
            sums = {type_: amount for (of, type_), amount in total.items() if of == usage}
            if difference := not_billed(sums, billed.get(usage, {})):
                to_bill[usage] = difference
            billed[usage] = sums
        if not to_bill:
            continue
        invoice, _ = make_invoice(1, customer, month, to_bill, {}, currency="EUR", issued_at_ms=0, offsets=dict(ends))
        asked = ask_invoice(invoice, before)
        found = listed(log, asked.scope, RejectedPlaces(), 7)
        compared = list(figures(asked.told, add(found).found))
        assert all(figure.is_it for figure in compared)
        assert conclude(asked, compared, {}).kind is Kind.IS_IT
        seen += [(one.partition, one.offset) for one in found if one.fate is Fate.COUNTED]
        before = invoice
    assert len(set(seen)) == len(seen)


@given(logs, st.sampled_from(CUSTOMERS), st.data())
def test_what_was_rejected_is_in_no_sum(log: Log, customer: str, data: st.DataObject) -> None:
    """An event that the topic of rejected records names is listed as rejected, whatever the rules say today."""
    ends = dict.fromkeys(range(PARTITIONS), 1_000)
    records = laid_out(log)
    chosen = data.draw(st.sets(st.sampled_from(records or [(0, 0, b"")])))
    places = RejectedPlaces()
    for partition, offset, _ in sorted(chosen, reverse=True):
        places.add(partition, offset, "future_timestamp")
    scope = Scope(customer, MONTHS[0], MONTHS[-1], "", ends)
    found = listed(log, scope, places, 9)
    expected: dict[Place, Amount] = {}
    for partition, offset, value in records:
        if (partition, offset, value) in chosen:
            continue
        for place, amount in recount([(partition, value)], customer, {partition: 1_000}).items():
            micros, count = expected.get(place, (0, 0))
            expected[place] = micros + amount[0], count + amount[1]
    assert add(found).found == expected
    marked = {(one.partition, one.offset) for one in found if one.reason == "future_timestamp"}
    assert marked <= {(partition, offset) for partition, offset, _ in chosen}
