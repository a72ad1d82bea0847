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

Values only ever grow in meaning by a new `v`: a reader that meets one it does not know raises
:class:`~billing.subtotal.UnknownVersionError` instead of guessing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from json import dumps
from typing import Any

from billing.invoice import Closing, Invoice, Line, MonthClose, Residues
from billing.subtotal import RecordError, load_versioned

VERSION = 1


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
    """Return the record value of an invoice. Money is in whole micros and cents."""
    record = {
        "v": VERSION,
        "number": invoice.number,
        "customer": invoice.customer,
        "month": invoice.month,
        "currency": invoice.currency,
        "issued_at_ms": invoice.issued_at_ms,
        "total_cents": invoice.total_cents,
        "lines": [_line_fields(line) for line in invoice.lines],
        "adjustments": [_line_fields(line) for line in invoice.adjustments],
        "offsets": _offset_fields(invoice.offsets),
    }
    return _dump(record)


def decode_invoice(data: bytes) -> Invoice:
    """Return what :func:`encode_invoice` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value, or its total is not the sum of its lines.
    """
    record = load_versioned(data, VERSION)
    try:
        invoice = Invoice(
            number=str(record["number"]),
            customer=str(record["customer"]),
            month=str(record["month"]),
            currency=str(record["currency"]),
            issued_at_ms=int(record["issued_at_ms"]),
            lines=tuple(Line(**fields) for fields in record["lines"]),
            adjustments=tuple(Line(**fields) for fields in record["adjustments"]),
            offsets=_offsets(record["offsets"]),
        )
        if invoice.total_cents != record["total_cents"]:
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
    return _dump({"v": VERSION, **asdict(closing)})


def decode_closing(data: bytes) -> Closing:
    """Return what :func:`encode_closing` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    record = load_versioned(data, VERSION)
    del record["v"]
    try:
        return Closing(**record)
    except TypeError:
        raise RecordError(f"not the value of a closing record: {data[:80]!r}") from None


def encode_close(close: MonthClose) -> bytes:
    """Return the record value of a month close."""
    record = {
        "v": VERSION,
        "month": close.month,
        "currency": close.currency,
        "closed_at_ms": close.closed_at_ms,
        "invoices": close.invoices,
        "total_cents": close.total_cents,
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
    record = load_versioned(data, VERSION)
    try:
        return MonthClose(
            month=str(record["month"]),
            currency=str(record["currency"]),
            closed_at_ms=int(record["closed_at_ms"]),
            invoices=int(record["invoices"]),
            total_cents=int(record["total_cents"]),
            exact_micros=int(record["exact_micros"]),
            offsets=_offsets(record["offsets"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RecordError(f"not the value of a month close: {data[:80]!r}") from None


def _line_fields(line: Line) -> dict[str, Any]:
    return {
        "month": line.month,
        "type": line.type,
        "count": line.count,
        "exact_micros": line.exact_micros,
        "carried_micros": line.carried_micros,
        "amount_cents": line.amount_cents,
    }


def _offset_fields(offsets: Mapping[int, int]) -> dict[str, int]:
    return {str(partition): offset for partition, offset in sorted(offsets.items())}


def _offsets(fields: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): int(offset) for partition, offset in fields.items()}


def _dump(record: Mapping[str, Any]) -> bytes:
    return dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
