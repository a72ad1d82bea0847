"""The ledger: the records of `billing.invoices`, and their form on the wire.

The topic is compacted, and each key keeps its newest record. Five kinds:

=================================  ==================================================================================
key                                value
=================================  ==================================================================================
``invoice|{month}|{customer}``     an :class:`~billing.invoice.Invoice`; written once and never again
``billed|{month}|{customer}``      billed so far of a *usage* month: ``{"v": 1, "types": {type: [micros, count]}}``,
                                   as in `billing.subtotals` (:func:`~billing.subtotal.decode_sums`)
``carried|{customer}``             left over from rounding: ``{"v": 1, "types": {type: micros}}``, none of them zero
``closing|{month}``                a :class:`~billing.invoice.Closing`: how far the closing has come; of no meaning
                                   once the month is closed
``closed|{month}``                 a :class:`~billing.invoice.MonthClose`: the month's last record
=================================  ==================================================================================

The invoices of a month are written in the order of their numbers, a chunk of them in one transaction together with
the `billed`, `carried` and `closing` records that they change, all to partition 0. So a reader of committed records
sees, for any customer, that the sum of the invoices' exact amounts equals what is billed so far. A month with a
`closing` record and without a month close is being closed. The customer comes last in its key and may hold any
character.

Amounts to pay are whole minor units of the currency. Of a currency whose minor unit is a hundredth, invoices and month
closes are version 1 and name them ``amount_cents`` and ``total_cents``; of any other currency they are version 2 and
name them ``amount_minor`` and ``total_minor``. A record of the version that its currency does not have is refused: its
amounts are hundredths of a currency that is not paid in them. A `closing` record is version 1 for every currency, and
its ``total_cents`` are minor units.

Values only ever grow in meaning by a new `v`: a reader that meets one it does not know raises
:class:`~billing.subtotal.UnknownVersionError` instead of guessing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from json import dumps
from typing import Any

from billing.currency import minor_digits
from billing.invoice import Closing, Invoice, Line, MonthClose, Residues
from billing.subtotal import RecordError, UnknownVersionError, load_versioned

VERSION = 1
MINOR_VERSION = 2
OTHER_CURRENCY_RUNBOOK = "docs/runbook.md#currency-changed"


@dataclass(frozen=True, slots=True)
class InvoiceKey:
    """Names a customer's invoice of an invoice month."""

    month: str
    customer: str


@dataclass(frozen=True, slots=True)
class BilledKey:
    """Names what a customer has been billed so far of a usage month."""

    month: str
    customer: str


@dataclass(frozen=True, slots=True)
class CarriedKey:
    """Names what a customer's invoices have left over from rounding."""

    customer: str


@dataclass(frozen=True, slots=True)
class ClosingKey:
    """Names how far the closing of a month has come."""

    month: str


@dataclass(frozen=True, slots=True)
class MonthCloseKey:
    """Names the month close."""

    month: str


_CLOSING_NAMES = {"total_minor": "total_cents"}

LedgerKey = InvoiceKey | BilledKey | CarriedKey | ClosingKey | MonthCloseKey


def encode_key(key: LedgerKey) -> bytes:
    """Return the record key of a ledger record."""
    match key:
        case InvoiceKey(month, customer):
            return f"invoice|{month}|{customer}".encode()
        case BilledKey(month, customer):
            return f"billed|{month}|{customer}".encode()
        case CarriedKey(customer):
            return f"carried|{customer}".encode()
        case ClosingKey(month):
            return f"closing|{month}".encode()
        case MonthCloseKey(month):
            return f"closed|{month}".encode()


def decode_key(data: bytes) -> LedgerKey:
    """Return what :func:`encode_key` encoded.

    Raises:
        RecordError: the bytes are no such key.
    """
    try:
        kind, rest = data.decode().split("|", 1)
        if kind == "invoice":
            return InvoiceKey(*rest.split("|", 1))
        if kind == "billed":
            return BilledKey(*rest.split("|", 1))
        if kind == "carried":
            return CarriedKey(rest)
        if kind == "closing":
            return ClosingKey(rest)
        if kind == "closed":
            return MonthCloseKey(rest)
    except (ValueError, TypeError):
        pass
    raise RecordError(f"not a key of a ledger record: {data[:80]!r}")


def encode_invoice(invoice: Invoice) -> bytes:
    """Return the record value of an invoice. Money is in whole micros and minor units."""
    version, unit = _form(invoice.currency)
    record = {
        "v": version,
        "number": invoice.number,
        "customer": invoice.customer,
        "month": invoice.month,
        "currency": invoice.currency,
        "issued_at_ms": invoice.issued_at_ms,
        f"total_{unit}": invoice.total_minor,
        "lines": [_line_fields(line, unit) for line in invoice.lines],
        "adjustments": [_line_fields(line, unit) for line in invoice.adjustments],
        "offsets": _offset_fields(invoice.offsets),
    }
    return _dump(record)


def decode_invoice(data: bytes) -> Invoice:
    """Return what :func:`encode_invoice` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value, or its total is not the sum of its lines.
    """
    record, unit = _load_money(data)
    try:
        invoice = Invoice(
            number=str(record["number"]),
            customer=str(record["customer"]),
            month=str(record["month"]),
            currency=str(record["currency"]),
            issued_at_ms=int(record["issued_at_ms"]),
            lines=tuple(_line(fields, unit) for fields in record["lines"]),
            adjustments=tuple(_line(fields, unit) for fields in record["adjustments"]),
            offsets=_offsets(record["offsets"]),
        )
        if invoice.total_minor != record[f"total_{unit}"]:
            raise RecordError(f"the total of invoice {invoice.number} is not the sum of its lines")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(f"not the value of an invoice: {data[:80]!r}") from None
    return invoice


def encode_carried(residues: Residues) -> bytes:
    """Return the record value of what rounding left over, by type."""
    return _dump({"v": VERSION, "types": dict(sorted(residues.items()))})


def decode_carried(data: bytes) -> dict[str, int]:
    """Return what :func:`encode_carried` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    record = load_versioned(data, VERSION)
    try:
        return {str(type_): int(micros) for type_, micros in record["types"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RecordError(f"not the value of a carried record: {data[:80]!r}") from None


def encode_closing(closing: Closing) -> bytes:
    """Return the record value of how far a closing has come."""
    fields = asdict(closing)
    return _dump({"v": VERSION, **{_CLOSING_NAMES.get(name, name): value for name, value in fields.items()}})


def decode_closing(data: bytes) -> Closing:
    """Return what :func:`encode_closing` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    record = load_versioned(data, VERSION)
    del record["v"]
    try:
        return Closing(total_minor=record.pop("total_cents"), **record)
    except (KeyError, TypeError):
        raise RecordError(f"not the value of a closing record: {data[:80]!r}") from None


def encode_close(close: MonthClose) -> bytes:
    """Return the record value of a month close."""
    version, unit = _form(close.currency)
    record = {
        "v": version,
        "month": close.month,
        "currency": close.currency,
        "closed_at_ms": close.closed_at_ms,
        "invoices": close.invoices,
        f"total_{unit}": close.total_minor,
        "exact_micros": close.exact_micros,
        "offsets": _offset_fields(close.offsets),
    }
    return _dump(record)


def decode_close(data: bytes) -> MonthClose:
    """Return what :func:`encode_close` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    record, unit = _load_money(data)
    try:
        return MonthClose(
            month=str(record["month"]),
            currency=str(record["currency"]),
            closed_at_ms=int(record["closed_at_ms"]),
            invoices=int(record["invoices"]),
            total_minor=int(record[f"total_{unit}"]),
            exact_micros=int(record["exact_micros"]),
            offsets=_offsets(record["offsets"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RecordError(f"not the value of a month close: {data[:80]!r}") from None


def _line_fields(line: Line, unit: str) -> dict[str, Any]:
    return {
        "month": line.month,
        "type": line.type,
        "count": line.count,
        "exact_micros": line.exact_micros,
        "carried_micros": line.carried_micros,
        f"amount_{unit}": line.amount_minor,
    }


def _line(fields: dict[str, Any], unit: str) -> Line:
    return Line(amount_minor=fields.pop(f"amount_{unit}"), **fields)


def _form(currency: str) -> tuple[int, str]:
    """Return the version of a currency's records with amounts to pay, and what minor units are called in them."""
    return (VERSION, "cents") if minor_digits(currency) == 2 else (MINOR_VERSION, "minor")


def _load_money(data: bytes) -> tuple[dict[str, Any], str]:
    record = load_versioned(data, MINOR_VERSION, VERSION)
    currency = str(record.get("currency"))
    version, unit = _form(currency)
    if record["v"] != version:
        digits = minor_digits(currency)
        raise UnknownVersionError(
            f"version {record['v']} of a record in {currency}, whose amounts have {digits} digits, is not {version}: "
            f"its amounts are not what is paid; see {OTHER_CURRENCY_RUNBOOK}"
        )
    return record, unit


def _offset_fields(offsets: Mapping[int, int]) -> dict[str, int]:
    return {str(partition): offset for partition, offset in sorted(offsets.items())}


def _offsets(fields: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): int(offset) for partition, offset in fields.items()}


def _dump(record: Mapping[str, Any]) -> bytes:
    return dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
