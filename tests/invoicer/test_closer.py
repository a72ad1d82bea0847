"""Closing months, without Kafka: nothing is lost, nothing is billed twice, whatever happens in between."""

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.invoice import InvoiceKind, invoice_number
from billing.money import micros_per_minor
from billing.runtime.signals import Stop
from billing.subtotal import CustomerMonthKey, Progress, ProgressKey, encode_key, encode_progress, encode_sums
from invoicer.closer import Closer, Outcome
from invoicer.months import next_month
from invoicer.taken_back import TotalsLostError
from tests.examples import examples
from tests.invoicer.world import KilledError, Killer, MemoryWriter, World

MONTHS = ("2026-08", "2026-09", "2026-10", "2026-11")

events = st.tuples(
    st.just("event"),
    st.integers(0, 2),
    st.sampled_from(MONTHS),
    st.sampled_from(["Alice", "Bob", "Charlie", "Zoë", "a|b"]),
    st.sampled_from(["CALL", "DATA"]),
    st.integers(-(10**9), 10**9) | st.sampled_from([-5_000, -1, 0, 1, 4_999, 5_000]),
)
voids = st.tuples(st.just("void"), st.integers(0, 60))
replaces = st.tuples(
    st.just("replace"), st.integers(0, 60), st.sampled_from(["CALL", "DATA"]), st.integers(-(10**9), 10**9)
)
closes = st.tuples(st.just("close"), st.none() | st.integers(0, 12))
restarts = st.tuples(st.just("restart"))


def check(world: World) -> None:
    """Assert what must always hold, by the ledger alone and by the accounts."""
    invoices = world.invoices
    assert len({(invoice.month, invoice.customer) for invoice in invoices}) == len(invoices)
    for month, group in groupby(invoices, key=lambda invoice: invoice.month):
        numbers = [invoice.number for invoice in group]
        assert numbers == [invoice_number(month, ordinal) for ordinal in range(1, len(numbers) + 1)]
    open_micros, open_count = world.open_sums()
    assert sum(invoice.exact_micros for invoice in invoices) + open_micros == world.accepted_micros
    assert sum(invoice.count for invoice in invoices) + open_count == world.accepted_count
    for close in world.accounts.closes.values():
        issued = [invoice for invoice in invoices if invoice.month == close.month]
        assert close.invoices == len(issued)
        assert close.total_minor == sum(invoice.total_minor for invoice in issued)
        assert close.exact_micros == sum(invoice.exact_micros for invoice in issued)


def check_minor(world: World) -> None:
    """Assert that what was rounded and what is carried give what was billed, per customer and type."""
    billed: dict[tuple[str, str], int] = {}
    for invoice in world.invoices:
        for line in invoice.all_lines:
            key = (invoice.customer, line.type)
            billed[key] = billed.get(key, 0) + line.exact_micros - line.amount_minor * micros_per_minor(world.currency)
    for (customer, type_), micros in billed.items():
        carried = world.accounts.carried(world.accounts.customers.number_of(customer))
        assert carried.get(type_, 0) == micros
        assert abs(micros) <= micros_per_minor(world.currency) // 2


def close_with_deaths(world: World, steps: int | None) -> None:
    """Close the next month; after a death the memory is gone."""
    month = next_month(world.accounts)
    if month is None:
        return
    try:
        assert world.close(month, Killer(steps)) is Outcome.CLOSED
    except KilledError:
        world.restart()


@settings(max_examples=examples(300))
@given(
    st.lists(st.one_of(events, events, events, closes, restarts, voids, replaces), max_size=60),
    st.sampled_from(["JPY", "EUR", "KWD", "CLF"]),
)
def test_each_amount_is_billed_once(history: list[tuple[object, ...]], currency: str) -> None:
    """Whatever comes or is taken back when, and wherever the invoicer dies: issued plus open is what is accepted."""
    world = World(currency=currency)
    for what, *details in history:
        if what == "event":
            world.event(*details)  # type: ignore[arg-type]
        elif what == "void":
            world.void(*details)  # type: ignore[arg-type]
        elif what == "replace":
            world.replace(*details)  # type: ignore[arg-type]
        elif what == "close":
            close_with_deaths(world, *details)  # type: ignore[arg-type]
        else:
            world.restart()
        check(world)
    world.restart()
    check(world)
    check_minor(world)
    while next_month(world.accounts):
        close_with_deaths(world, None)
    assert world.open_sums() == (0, 0)
    check(world)
    check_minor(world)


def test_memory_and_ledger_agree() -> None:
    """What the invoicer remembers after closing is what it reads after a restart."""
    world = World()
    for number in range(7):
        world.event(number % 2, "2026-10", f"C{number}", "CALL", 3_333 * number)
    world.close("2026-10")
    remembered = (world.accounts.closes, world.open_sums(), next_month(world.accounts))
    world.restart()
    assert (world.accounts.closes, world.open_sums(), next_month(world.accounts)) == remembered


@pytest.mark.parametrize("steps", range(20))
def test_a_half_closed_month_goes_on(steps: int) -> None:
    """Killed at any step, the next invoicer issues the rest: each customer once, numbers without gaps."""
    world = World()
    for number in range(5):
        world.event(0, "2026-10", f"C{number}", "CALL", 1_000_000)
    try:
        world.close("2026-10", Killer(steps))
    except KilledError:
        world.restart()
        assert next_month(world.accounts) in ("2026-10", None)
        if "2026-10" not in world.accounts.closes:
            world.close("2026-10")
    assert [invoice.customer for invoice in world.invoices] == ["C0", "C1", "C2", "C3", "C4"]
    assert world.accounts.closes["2026-10"].invoices == 5
    check(world)


def test_late_money_is_on_the_next_invoice() -> None:
    """After the close an event of that month waits for the customer's next invoice, also if it is all there is."""
    world = World()
    world.event(0, "2026-09", "Alice", "CALL", 1_000_000)
    world.close("2026-09")
    world.event(1, "2026-09", "Alice", "CALL", -250_000)
    world.event(1, "2026-09", "Bob", "DATA", 70_000)
    world.event(0, "2026-10", "Alice", "CALL", 100_000)
    world.close("2026-10")
    alice, bob = world.invoices[1:]
    assert [(line.month, line.amount_minor) for line in alice.all_lines] == [("2026-09", -25), ("2026-10", 10)]
    assert (alice.document, alice.total_minor) == (InvoiceKind.CREDIT_NOTE, -15)
    assert [(line.month, line.amount_minor) for line in bob.all_lines] == [("2026-09", 7)]
    assert bob.lines == ()


def test_late_money_alone_closes_the_following_month() -> None:
    """If nobody uses anything any more, what came late is billed by the month after the last one."""
    world = World()
    world.event(0, "2026-12", "Alice", "CALL", 1)
    world.close("2026-12")
    assert next_month(world.accounts) is None
    world.event(0, "2026-12", "Alice", "CALL", 5)
    assert next_month(world.accounts) == "2027-01"


def test_a_month_without_events_is_passed_over() -> None:
    """Between two months with events, one without any is not closed; an event for it opens it."""
    world = World()
    world.event(0, "2026-08", "Alice", "CALL", 1)
    world.event(0, "2026-10", "Alice", "CALL", 1)
    world.close("2026-08")
    assert next_month(world.accounts) == "2026-10"
    world.event(0, "2026-09", "Alice", "CALL", 1)
    assert next_month(world.accounts) == "2026-09"


def test_stopping_ends_after_a_chunk() -> None:
    """Asked to stop, the closing ends after the chunk at hand and goes on from there later."""
    world = World(chunk_invoices=2)
    for number in range(5):
        world.event(0, "2026-10", f"C{number}", "CALL", 1_000_000)
    closer = Closer(world.accounts, MemoryWriter(world.ledger, Killer()), world.clock, "EUR", 2)
    assert closer.close("2026-10", Stop(requested=True)) is Outcome.INTERRUPTED
    assert len(world.invoices) == 2
    assert world.close("2026-10") is Outcome.CLOSED
    check(world)


def test_what_is_taken_back_after_the_close_is_credited() -> None:
    """An adjustment with a negative amount and count; a customer with nothing else gets a credit note."""
    world = World()
    world.event(0, "2026-09", "Alice", "CALL", 1_000_000)
    world.event(0, "2026-09", "Bob", "CALL", 2_000_000)
    world.event(1, "2026-10", "Bob", "DATA", 500_000)
    world.close("2026-09")
    world.void(0)
    world.replace(0, "DATA", 1_500_000)
    world.close("2026-10")
    alice, bob = world.invoices[2:]
    assert [(line.month, line.type, line.count, line.amount_minor) for line in alice.all_lines] == [
        ("2026-09", "CALL", -1, -100)
    ]
    assert alice.document is InvoiceKind.CREDIT_NOTE
    assert [(line.month, line.type, line.count, line.amount_minor) for line in bob.all_lines] == [
        ("2026-09", "CALL", -1, -200),
        ("2026-09", "DATA", 1, 150),
        ("2026-10", "DATA", 1, 50),
    ]
    assert bob.total_minor == 0
    assert world.open_sums() == (0, 0)
    check(world)


def test_a_month_of_which_nothing_is_left_closes_without_invoices() -> None:
    """Nobody is billed a line of nothing."""
    world = World()
    world.event(0, "2026-09", "Alice", "CALL", 1_000_000)
    world.event(0, "2026-10", "Bob", "CALL", 1_000_000)
    world.void(0)
    assert next_month(world.accounts) == "2026-09"
    world.close("2026-09")
    world.close("2026-10")
    assert [invoice.customer for invoice in world.invoices] == ["Bob"]
    check(world)


def test_more_missing_events_than_were_taken_back_are_lost() -> None:
    """One void explains one missing event; of two customers, neither lacks more than that."""
    world = World()
    for customer in ("Alice", "Bob", "Charlie"):
        world.event(0, "2026-09", customer, "CALL", 1_000_000)
    world.close("2026-09")
    world.void(0)
    world._subtotals[encode_key(CustomerMonthKey(0, "2026-09", "Bob"))] = encode_sums({})
    world.restart()
    with pytest.raises(TotalsLostError, match="voids do not explain the 2 that are missing"):
        world.accounts.check_totals()


def test_totals_that_are_counted_anew_explain_nothing() -> None:
    """An input partition that has not come as far as when the month was closed lacks what it has not counted yet."""
    world = World()
    for customer in ("Alice", "Bob"):
        world.event(0, "2026-09", customer, "CALL", 1_000_000)
    world.close("2026-09")
    again = World()
    again.ledger = world.ledger
    again.event(0, "2026-09", "Alice", "CALL", 1_000_000)
    progress = Progress(next_offset=1, accepted=1, voids=7)
    again._subtotals[encode_key(ProgressKey(0))] = encode_progress(progress)
    again.restart()
    with pytest.raises(TotalsLostError, match="'Bob' was billed more events of 2026-09"):
        again.accounts.check_totals()


def test_amid_a_commit_it_cannot_be_told() -> None:
    """The progress record, which counts the void, comes after what it took back."""
    world = World()
    world.event(0, "2026-09", "Alice", "CALL", 1_000_000)
    world.close("2026-09")
    key = encode_key(CustomerMonthKey(0, "2026-09", "Alice"))
    world.accounts.read_subtotal(key, encode_sums({}))
    assert not world.accounts.check_totals()
    world._publish_progress(0, voids=1)
    assert world.accounts.check_totals()


def test_lost_totals_are_not_credited() -> None:
    """Subtotals that hold fewer events than were billed stop the invoicer instead of crediting the customer."""
    world = World()
    world.event(0, "2026-09", "Alice", "CALL", 1_000_000)
    world.close("2026-09")
    world._subtotals.clear()
    world.restart()
    with pytest.raises(TotalsLostError, match="'Alice' was billed more events of 2026-09"):
        next_month(world.accounts)
