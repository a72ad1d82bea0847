"""Records of every currency, and that a ledger of another currency than the one that is set is refused."""

import json
import re

import pytest

from billing.errors import OperatorError
from billing.invoice import Invoice, MonthClose, make_invoice
from billing.ledger import (
    InvoiceKey,
    MonthCloseKey,
    decode_close,
    decode_invoice,
    encode_close,
    encode_invoice,
    encode_key,
)
from billing.money import format_minor
from billing.subtotal import UnknownVersionError
from invoicer.accounts import Accounts

TO_BILL = {"2026-10": {"CALL": (500_000, 1), "DATA": (-1_234_567, 2)}}


def issued(currency: str) -> tuple[Invoice, dict[str, int]]:
    """Make an invoice over 0.5 and -1.234567."""
    return make_invoice(1, "Alice", "2026-10", TO_BILL, {}, currency=currency, issued_at_ms=1, offsets={0: 3})


def close(currency: str) -> MonthClose:
    """Make the month close of that invoice."""
    invoice, _ = issued(currency)
    return MonthClose("2026-10", currency, 2, 1, invoice.total_minor, invoice.exact_micros, {0: 3})


@pytest.mark.parametrize(
    ("currency", "version", "amounts", "total", "left"),
    [
        ("JPY", 2, ["1", "-1"], "0", {"CALL": -500_000, "DATA": -234_567}),
        ("EUR", 1, ["0.50", "-1.23"], "-0.73", {"DATA": -4_567}),
        ("KWD", 2, ["0.500", "-1.235"], "-0.735", {"DATA": 433}),
        ("CLF", 2, ["0.5000", "-1.2346"], "-0.7346", {"DATA": 33}),
    ],
)
def test_an_invoice_has_the_digits_of_its_currency(
    currency: str, version: int, amounts: list[str], total: str, left: dict[str, int]
) -> None:
    """So have its lines and its total; what that leaves over is exact; the records come back as they were."""
    invoice, carried = issued(currency)
    assert [format_minor(line.amount_minor, currency) for line in invoice.lines] == amounts
    assert format_minor(invoice.total_minor, currency) == total
    assert carried == left
    assert decode_invoice(encode_invoice(invoice)) == invoice
    assert decode_close(encode_close(close(currency))) == close(currency)
    assert json.loads(encode_invoice(invoice))["v"] == json.loads(encode_close(close(currency)))["v"] == version


@pytest.mark.parametrize(("written", "read"), [("EUR", "JPY"), ("EUR", "KWD"), ("KWD", "EUR")])
def test_a_record_in_the_minor_units_of_another_currency_is_refused(written: str, read: str) -> None:
    """Hundredths of a currency that has none are never taken for what is paid."""
    for data, decode in (
        (encode_invoice(issued(written)[0]), decode_invoice),
        (encode_close(close(written)), decode_close),
    ):
        with pytest.raises(UnknownVersionError, match=f"in {read}, whose amounts have .*#currency-changed"):
            decode(data.replace(written.encode(), read.encode()))


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize(("billed", "set_to"), [("EUR", "USD"), ("JPY", "EUR"), ("KWD", "BHD")])
def test_a_ledger_of_another_currency_is_refused(billed: str, set_to: str, closed: bool) -> None:
    """By its month closes, and by the first invoice of a month that is being closed."""
    accounts = Accounts()
    accounts.check_currency(set_to)
    accounts.read_ledger(encode_key(InvoiceKey("2026-10", "Alice")), encode_invoice(issued(billed)[0]))
    if closed:
        accounts.read_ledger(encode_key(MonthCloseKey("2026-10")), encode_close(close(billed)))
    accounts.check_currency(billed)
    sentence = f"the invoices of 2026-10 are in {billed}, but currency is {set_to}"
    with pytest.raises(OperatorError, match=f"{re.escape(sentence)}.*#currency-changed"):
        accounts.check_currency(set_to)
