"""A transaction that counts in part: the closing goes on from the invoices that are there, without Kafka."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import ledger
from billing.ledger import BilledKey, CarriedKey, InvoiceKey, MonthCloseKey
from billing.subtotal import decode_sums
from invoicer.issued import LedgerDamagedError
from invoicer.months import next_month
from tests.examples import examples
from tests.invoicer.test_closer import check, check_minor, events
from tests.invoicer.world import World

tears = st.tuples(st.just("tear"), st.integers(0, 4), st.floats(0, 1))


def check_ledger(world: World) -> None:
    """Assert that the ledger's own records agree with its invoices, by the records alone."""
    billed: dict[tuple[str, str, str], tuple[int, int]] = {}
    left: dict[tuple[str, str], int] = {}
    for invoice in world.invoices:
        for line in invoice.all_lines:
            key = (line.month, invoice.customer, line.type)
            micros, count = billed.get(key, (0, 0))
            billed[key] = (micros + line.exact_micros, count + line.count)
            left[invoice.customer, line.type] = line.residue_micros(invoice.currency)
    newest = {ledger.decode_key(key): value for key, value in world.ledger.committed}
    told = {
        (key.month, key.customer, type_): tuple(sums)
        for key, value in newest.items()
        if isinstance(key, BilledKey)
        for type_, sums in decode_sums(value).items()
    }
    carried = {
        (key.customer, type_): micros
        for key, value in newest.items()
        if isinstance(key, CarriedKey)
        for type_, micros in ledger.decode_carried(value).items()
    }
    assert told == billed
    assert carried == {key: micros for key, micros in left.items() if micros}


@settings(max_examples=examples(300))
@given(st.lists(st.one_of(events, events, events, tears), max_size=40), st.integers(1, 4))
def test_wherever_a_transaction_is_cut(history: list[tuple[object, ...]], chunk_invoices: int) -> None:
    """Again and again, at any record, with any chunk: each number once, each amount once, and the records say so."""
    world = World(chunk_invoices)
    for what, *details in history:
        if what == "event":
            world.event(*details)  # type: ignore[arg-type]
        elif month := next_month(world.accounts):
            world.close_torn(month, *details)  # type: ignore[arg-type]
        check(world)
    while month := next_month(world.accounts):
        world.close(month)
    check(world)
    check_minor(world)
    check_ledger(world)
    assert world.open_sums() == (0, 0)


@pytest.mark.parametrize("chunk_invoices", [1, 2, 3, 20])
@pytest.mark.parametrize("cut", range(16))
def test_each_record_of_a_chunk(chunk_invoices: int, cut: int) -> None:
    """Every customer has an adjustment, a line and a remainder: the cut falls behind each record of a chunk in turn."""
    world = World(chunk_invoices)
    for number in range(4):
        world.event(0, "2026-09", f"C{number}", "CALL", 1)
    world.close("2026-09")
    for number in range(4):
        world.event(0, "2026-09", f"C{number}", "CALL", 3)
        world.event(1, "2026-10", f"C{number}", "DATA", 4_999)
    records = min(4, chunk_invoices) * 4 + 1
    world.close_torn("2026-10", 0, min(1.0, cut / records))
    world.event(0, "2026-10", "B", "CALL", 5)
    world.event(0, "2026-10", "C0", "DATA", 7)
    world.close("2026-10")
    while month := next_month(world.accounts):
        world.close(month)
    check(world)
    check_minor(world)
    check_ledger(world)


def closed_world() -> World:
    """Return two closed months of three customers."""
    world = World()
    for month in ("2026-09", "2026-10"):
        for number in range(3):
            world.event(0, month, f"C{number}", "CALL", 1_000_000)
        world.close(month)
    return world


@pytest.mark.parametrize("kind", [InvoiceKey, MonthCloseKey])
def test_a_ledger_that_lacks_records_is_refused(kind: type) -> None:
    """An invoice, or what counts a month, is gone: nothing is issued while it is there."""
    world = closed_world()
    records = world.ledger.committed
    gone = next(index for index, (key, _) in enumerate(records) if isinstance(ledger.decode_key(key), kind))
    del records[gone]
    with pytest.raises(LedgerDamagedError, match=r"docs/runbook\.md#ledger-damaged"):
        world.restart()


def test_a_number_that_comes_twice_is_refused() -> None:
    """Two customers hold one number: somebody has to look before more are issued."""
    world = closed_world()
    records = world.ledger.committed
    place, (_, value) = next((i, r) for i, r in enumerate(records) if r[0] == b"invoice|2026-10|C1")
    records.insert(place + 1, (b"invoice|2026-10|Other", value))
    with pytest.raises(LedgerDamagedError, match="2026-10-000002 where number 2026-10-000003 comes next"):
        world.restart()
