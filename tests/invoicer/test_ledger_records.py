"""The records of the ledger on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.invoice import Closing, Invoice, MonthClose, make_lines
from billing.ledger import (
    BilledKey,
    CarriedKey,
    ClosingKey,
    InvoiceKey,
    LedgerKey,
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
from billing.subtotal import RecordError, UnknownVersionError

months = st.sampled_from(["2026-08", "2026-09", "2026-10"])
customers = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
types = st.sampled_from(["CALL", "DATA", "MISC"])
amounts = st.integers(-(10**30), 10**30)
offsets = st.dictionaries(st.integers(0, 100), st.integers(0, 10**12), max_size=4)
keys = st.one_of(
    st.builds(InvoiceKey, months, customers),
    st.builds(BilledKey, months, customers),
    st.builds(CarriedKey, customers),
    st.builds(ClosingKey, months),
    st.builds(MonthCloseKey, months),
)
to_bill = st.dictionaries(months, st.dictionaries(types, st.tuples(amounts, st.integers(-5, 10**9))))


@given(keys)
def test_a_key_comes_back(key: LedgerKey) -> None:
    """Decoding an encoded key gives the key, whatever characters the customer has."""
    assert decode_key(encode_key(key)) == key


@given(customers, to_bill, offsets)
def test_an_invoice_comes_back(customer: str, sums: dict[str, dict[str, tuple[int, int]]], at: dict[int, int]) -> None:
    """Decoding an encoded invoice gives the invoice, however large its amounts."""
    lines, _ = make_lines(sums, {}, "EUR")
    invoice = Invoice(
        number="2026-10-000001",
        customer=customer,
        month="2026-10",
        currency="EUR",
        issued_at_ms=1,
        lines=tuple(line for line in lines if line.month == "2026-10"),
        adjustments=tuple(line for line in lines if line.month != "2026-10"),
        offsets=at,
    )
    assert decode_invoice(encode_invoice(invoice)) == invoice


@given(st.dictionaries(types, st.integers(-5_000, 5_000)))
def test_residues_come_back(residues: dict[str, int]) -> None:
    """Decoding encoded residues gives the residues."""
    assert decode_carried(encode_carried(residues)) == residues


@given(months, st.integers(0, 10**7), amounts, amounts, offsets)
def test_a_month_close_comes_back(month: str, count: int, cents: int, micros: int, at: dict[int, int]) -> None:
    """Decoding an encoded month close gives the month close."""
    close = MonthClose(month, "EUR", 1, count, cents, micros, at)
    assert decode_close(encode_close(close)) == close


@given(st.builds(Closing, months, st.integers(0, 10**7), amounts, amounts, customers))
def test_a_closing_comes_back(closing: Closing) -> None:
    """Decoding how far a closing has come gives what was encoded."""
    assert decode_closing(encode_closing(closing)) == closing


def test_a_month_close_names_its_numbers() -> None:
    """A month without invoices has no first and no last number."""
    assert MonthClose("2026-10", "EUR", 1, 0, 0, 0, {}).last_number == ""
    close = MonthClose("2026-10", "EUR", 1, 42, 0, 0, {})
    assert (close.first_number, close.last_number) == ("2026-10-000001", "2026-10-000042")


@pytest.mark.parametrize("data", [b"", b"invoice", b"invoice|2026-10", b"other|2026-10|x", b"\xff", b"billed|x"])
def test_other_keys_are_refused(data: bytes) -> None:
    """Bytes that are no key of the ledger are said to be none."""
    with pytest.raises(RecordError):
        decode_key(data)


@pytest.mark.parametrize("decode", [decode_invoice, decode_close, decode_closing, decode_carried])
def test_a_newer_version_is_refused(decode: object) -> None:
    """A reader doesn't guess what a newer program wrote, nor what is not JSON or lacks fields."""
    assert callable(decode)
    with pytest.raises(UnknownVersionError):
        decode(b'{"v":2}')
    for data in (b"", b"[]", b'{"v":1}', b'{"v":1,"types":[],"lines":7}'):
        with pytest.raises(RecordError):
            decode(data)


def test_a_total_must_add_up() -> None:
    """An invoice whose stated total is not the sum of its lines is refused."""
    data = encode_invoice(Invoice("2026-10-000001", "Charlie", "2026-10", "EUR", 1, (), (), {}))
    with pytest.raises(RecordError, match="not the sum"):
        decode_invoice(data.replace(b'"total_cents":0', b'"total_cents":1'))
