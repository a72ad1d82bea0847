"""The audit of the invoices finds a difference of each kind."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from billing.invoice import Invoice, MonthClose
from billing.ledger import (
    BilledKey,
    CarriedKey,
    ClosingKey,
    InvoiceKey,
    MonthCloseKey,
    decode_carried,
    decode_close,
    decode_closing,
    decode_invoice,
    decode_key,
    encode_carried,
    encode_close,
    encode_closing,
    encode_invoice,
    encode_key,
)
from billing.money import format_minor
from billing.subtotal import decode_sums, encode_sums
from qb.audit.findings import Check, Findings
from tests.audit.world import World


@pytest.fixture
def world() -> World:
    """Everything counted, three months closed, so that what the second one left out was due in the third."""
    world = World()
    world.close("2017-01", 308)
    world.close("2017-02", 580)
    world.close("2017-03", 896)
    return world


def checks(findings: Findings) -> set[Check]:
    return set(findings.totals)


def change_invoice(world: World, month: str, customer: str, change: Callable[[Invoice], Invoice]) -> None:
    key = encode_key(InvoiceKey(month, customer))
    value = world.ledger[key]
    assert value is not None
    world.ledger[key] = encode_invoice(change(decode_invoice(value)))


def change_close(world: World, month: str, change: Callable[[MonthClose], MonthClose]) -> None:
    key = encode_key(MonthCloseKey(month))
    value = world.ledger[key]
    assert value is not None
    world.ledger[key] = encode_close(change(decode_close(value)))


def test_three_closed_months_are_clean(world: World) -> None:
    """With adjustments for late events and carried residues nothing differs."""
    invoices = [decode_invoice(v) for k, v in world.ledger.items() if isinstance(decode_key(k), InvoiceKey) and v]
    assert any(invoice.adjustments for invoice in invoices)
    assert any(line.carried_micros for invoice in invoices for line in invoice.all_lines)
    assert world.audit().differences == []


def test_a_lost_invoice_is_found(world: World) -> None:
    """Its number is missing, its month close counts it, and what it billed is billed by no line."""
    del world.ledger[encode_key(InvoiceKey("2017-02", "Charlie"))]
    assert checks(world.audit()) == {Check.NUMBERS, Check.LEDGER, Check.OPEN}


def test_an_invoice_with_another_amount_is_found(world: World) -> None:
    """A line that says one cent more, with the residue to match its total, breaks its rounding."""

    def more(invoice: Invoice) -> Invoice:
        line = replace(invoice.lines[0], amount_minor=invoice.lines[0].amount_minor + 1)
        return replace(invoice, lines=(line, *invoice.lines[1:]))

    change_invoice(world, "2017-02", "Charlie", more)
    findings = world.audit()
    assert checks(findings) == {Check.LEDGER, Check.NUMBERS}
    assert any(difference.subject.endswith("rounded") for difference in findings.differences)


def test_an_amount_billed_twice_is_found(world: World) -> None:
    """More events and money than were used: the recount knows better, whatever the ledger says of itself."""

    def twice(invoice: Invoice) -> Invoice:
        line = invoice.lines[0]
        line = replace(line, count=line.count * 1_000, exact_micros=line.exact_micros)
        return replace(invoice, lines=(line, *invoice.lines[1:]))

    change_invoice(world, "2017-02", "Charlie", twice)
    value = world.ledger[encode_key(BilledKey("2017-02", "Charlie"))]
    assert value is not None
    findings = world.audit()
    assert Check.OPEN in checks(findings)
    assert any("at most" in difference.expected for difference in findings.differences)


def test_an_amount_that_was_never_billed_is_found(world: World) -> None:
    """What was counted when February closed must be billed when March is; left out of both it is a difference."""
    world = World()
    world.close("2017-01", 308)
    world.close("2017-02", 580)
    forgotten = world.totals(580)["Charlie"]["2017-02"]
    world._billed["Charlie"]["2017-02"] = forgotten  # not billed below, as if it had been
    world.ledger[encode_key(BilledKey("2017-02", "Charlie"))] = None
    world.ledger[encode_key(InvoiceKey("2017-02", "Charlie"))] = None
    world.close("2017-03", 896)
    findings = world.audit()
    due = [difference.subject for difference in findings.differences if "at least" in difference.expected]
    assert any(subject.startswith("Charlie 2017-02") for subject in due)
    assert all(subject.startswith("Charlie") for subject in due)


def test_a_wrong_billed_record_is_found(world: World) -> None:
    """What is billed so far is the sum of the lines."""
    key = encode_key(BilledKey("2017-01", "Charlie"))
    value = world.ledger[key]
    assert value is not None
    sums = decode_sums(value)
    type_ = min(sums)
    world.ledger[key] = encode_sums({**sums, type_: (sums[type_][0] + 1, sums[type_][1])})
    findings = world.audit()
    assert checks(findings) == {Check.LEDGER}
    assert [difference.subject for difference in findings.differences] == [f"Charlie 2017-01 {type_}, billed so far"]


def test_a_wrong_residue_is_found(world: World) -> None:
    """What rounding left over is what the lines leave over."""
    key = encode_key(CarriedKey("Charlie"))
    value = world.ledger[key]
    assert value is not None
    residues = decode_carried(value)
    type_ = min(residues)
    world.ledger[key] = encode_carried({**residues, type_: residues[type_] + 1})
    findings = world.audit()
    assert [difference.subject for difference in findings.differences] == [f"Charlie {type_}, carried"]


@pytest.mark.parametrize("number", ["2017-02-000001", "2017-02-000999", "2017-02-x"])
def test_a_gap_in_the_numbers_is_found(world: World, number: str) -> None:
    """Twice the same number, or one that is not the next."""
    change_invoice(world, "2017-02", "Charlie", lambda invoice: replace(invoice, number=number))
    assert checks(world.audit()) == {Check.NUMBERS}


def test_invoices_that_share_a_number_are_named(world: World) -> None:
    """Of each number: who has it and over how much, and where the runbook says what to do."""
    shared = {}
    for key, value in world.ledger.items():
        if isinstance(decoded := decode_key(key), InvoiceKey) and decoded.month == "2017-02" and value is not None:
            shared[decoded.customer] = decode_invoice(value)
    first, second, third, *_ = sorted(shared)
    for customer in (second, third):
        change_invoice(world, "2017-02", customer, lambda invoice: replace(invoice, number=shared[first].number))
    findings = world.audit()
    (told,) = [difference for difference in findings.differences if difference.subject.startswith("invoice 2017-02")]
    holders = [f"{name} {format_minor(shared[name].total_minor, 'EUR')} EUR" for name in (first, second, third)]
    assert told.check is Check.NUMBERS
    assert told.subject == "invoice 2017-02-000001"
    assert told.found == "; ".join(holders)
    assert "docs/runbook.md#number-twice" in told.expected


def test_a_number_of_another_month_is_found(world: World) -> None:
    """The number begins with the invoice month."""
    change_invoice(world, "2017-02", "Charlie", lambda invoice: replace(invoice, number=f"2017-01{invoice.number[7:]}"))
    findings = world.audit()
    assert [difference.subject for difference in findings.differences] == ["Charlie's invoice of 2017-02"]


def test_an_invoice_under_another_key_is_found(world: World) -> None:
    """Key and value name the same customer."""
    change_invoice(world, "2017-02", "Charlie", lambda invoice: replace(invoice, customer="Dora"))
    findings = world.audit()
    assert checks(findings) == {Check.LEDGER}
    assert "('2017-02', 'Dora')" in [difference.found for difference in findings.differences]


def test_an_adjustment_of_the_month_itself_is_found(world: World) -> None:
    """Lines are of the invoice month, adjustments of earlier ones."""
    change_invoice(
        world, "2017-02", "Charlie", lambda invoice: replace(invoice, lines=(), adjustments=invoice.all_lines)
    )
    findings = world.audit()
    assert checks(findings) == {Check.LEDGER}
    assert {difference.expected for difference in findings.differences} == {"before 2017-02"}


@pytest.mark.parametrize("change", [{"invoices": 1}, {"total_minor": 1}, {"exact_micros": 1}])
def test_a_wrong_month_close_is_found(world: World, change: dict[str, int]) -> None:
    """The month close counts and sums its invoices."""
    change_close(world, "2017-02", lambda close: replace(close, **change))  # type: ignore[arg-type]
    findings = world.audit()
    assert checks(findings) == {Check.NUMBERS}
    assert findings.totals.total() == 1


def test_a_wrong_closing_is_found(world: World) -> None:
    """So does the record of a closing under way."""
    key = encode_key(ClosingKey("2017-03"))
    value = world.ledger[key]
    assert value is not None
    del world.ledger[encode_key(MonthCloseKey("2017-03"))]
    world.ledger[key] = encode_closing(replace(decode_closing(value), invoices=3))
    findings = world.audit()
    assert [difference.subject for difference in findings.differences] == ["2017-03, as its closing says: invoices"]


def test_invoices_of_a_month_without_a_month_close_are_found(world: World) -> None:
    """Neither closed nor being closed: nobody answers for them."""
    del world.ledger[encode_key(MonthCloseKey("2017-02"))]
    del world.ledger[encode_key(ClosingKey("2017-02"))]
    assert checks(world.audit()) == {Check.NUMBERS}


def test_a_ledger_record_that_cannot_be_read_is_found(world: World) -> None:
    """A record of another kind is reported, not passed over."""
    world.ledger[b"nonsense"] = b"{}"
    world.ledger[encode_key(ClosingKey("2017-02"))] = b"[]"
    findings = world.audit()
    assert checks(findings) == {Check.LEDGER}
    assert findings.totals.total() == 2
