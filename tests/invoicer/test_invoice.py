"""Invoices: what is billed, how it is rounded, and that nothing is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.invoice import Invoice, InvoiceKind, invoice_number, invoice_ordinal, make_invoice, make_lines, not_billed
from billing.money import micros_per_minor, round_to_minor

Sums = dict[str, tuple[int, int]]

amounts = st.integers(-(10**12), 10**12) | st.integers(-20_000, 20_000)
sums = st.dictionaries(st.sampled_from(["CALL", "DATA", "MISC"]), st.tuples(amounts, st.integers(-5, 1_000)))
months = st.sampled_from(["2026-08", "2026-09", "2026-10"])


def issue(to_bill: dict[str, Sums], carried: dict[str, int] | None = None) -> tuple[Invoice, dict[str, int]]:
    """Make the invoice of Charlie for October 2026."""
    return make_invoice(
        42, "Charlie", "2026-10", to_bill, carried or {}, currency="EUR", issued_at_ms=1_793_750_400_000, offsets={0: 7}
    )


def test_a_month_is_billed_by_type() -> None:
    """The invoice month's usage becomes a line per type, rounded half-up, with the exact amount beside it."""
    invoice, left = issue({"2026-10": {"CALL": (1_005_000, 2), "DATA": (2_004_999, 1)}})
    assert invoice.number == "2026-10-000042"
    assert [(line.type, line.count, line.exact_micros, line.amount_minor) for line in invoice.lines] == [
        ("CALL", 2, 1_005_000, 101),
        ("DATA", 1, 2_004_999, 200),
    ]
    assert (invoice.total_minor, invoice.exact_micros, invoice.count) == (301, 3_009_999, 3)
    assert left == {"CALL": -5_000, "DATA": 4_999}


def test_an_earlier_month_becomes_an_adjustment() -> None:
    """What came late for a month billed before stands apart and names its month; it may be negative."""
    invoice, _ = issue({"2026-09": {"CALL": (-500_000, 1)}, "2026-10": {"CALL": (200_000, 1)}})
    assert [(line.month, line.amount_minor) for line in invoice.adjustments] == [("2026-09", -50)]
    assert [(line.month, line.amount_minor) for line in invoice.lines] == [("2026-10", 20)]
    assert invoice.document is InvoiceKind.CREDIT_NOTE


def test_a_total_of_zero_is_an_invoice() -> None:
    """Events that cancel out are documented by an invoice over 0.00."""
    invoice, left = issue({"2026-10": {"MISC": (0, 2)}})
    assert (invoice.total_minor, invoice.document, left) == (0, InvoiceKind.INVOICE, {})


def test_less_than_a_cent_adds_up_over_months() -> None:
    """0.4 cents a month is 0.00 in the first month and 0.01 in the second."""
    first, left = issue({"2026-10": {"DATA": (4_000, 1)}})
    second, left = issue({"2026-10": {"DATA": (4_000, 1)}}, left)
    assert (first.total_minor, second.total_minor) == (0, 1)
    assert left == {"DATA": -2_000}


def test_nothing_to_bill_is_no_invoice() -> None:
    """An invoice without a line can't be made, nor one that bills the future."""
    with pytest.raises(ValueError, match="nothing to bill"):
        issue({"2026-10": {}})
    with pytest.raises(ValueError, match="cannot bill 2026-11"):
        issue({"2026-11": {"MISC": (1, 1)}})


def test_numbers_grow_past_six_digits() -> None:
    """The millionth invoice of a month has a number of seven digits."""
    assert invoice_number("2026-10", 1_000_000) == "2026-10-1000000"
    assert invoice_ordinal("2026-10-1000000") == 1_000_000


@given(sums, sums)
def test_billed_plus_not_billed_is_the_total(total: Sums, billed: Sums) -> None:
    """What is not billed, added to what is, gives the total of every type, and lists no type for nothing."""
    difference = not_billed(total, billed)
    assert (0, 0) not in difference.values()
    for type_ in {*total, *billed, *difference}:
        micros, count = billed.get(type_, (0, 0))
        more_micros, more_count = difference.get(type_, (0, 0))
        assert (micros + more_micros, count + more_count) == total.get(type_, (0, 0))


@given(st.lists(st.dictionaries(months, sums), max_size=12), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_rounding_loses_nothing(invoices: list[dict[str, Sums]], currency: str) -> None:
    """Over any invoices, the exact sum of a type is what was rounded to minor units plus what is left over."""
    left: dict[str, int] = {}
    exact: dict[str, int] = {}
    minor: dict[str, int] = {}
    unit = micros_per_minor(currency)
    for to_bill in invoices:
        lines, left = make_lines(to_bill, left, currency)
        for line in lines:
            exact[line.type] = exact.get(line.type, 0) + line.exact_micros
            minor[line.type] = minor.get(line.type, 0) + line.amount_minor
            assert abs(line.residue_micros(currency)) <= unit // 2
            assert line.amount_minor == round_to_minor(line.exact_micros + line.carried_micros, currency)
    for type_, micros in exact.items():
        assert micros == minor[type_] * unit + left.get(type_, 0)
    assert 0 not in left.values()
