"""What an invoice is in the files: rows of the tables, an object of the JSON lines. Money is decimal text."""

import json
from collections.abc import Iterator
from typing import Any

from billing.invoice import Invoice, Line
from billing.money import format_micros, format_minor
from billing.period import format_timestamp

INVOICE_COLUMNS = (
    "number", "document", "customer", "month", "currency", "issued_at", "events", "exact", "total",
)  # fmt: skip
LINE_COLUMNS = (
    "number", "customer", "kind", "usage_month", "type", "events", "exact", "carried", "amount", "currency",
)  # fmt: skip


def invoice_row(invoice: Invoice) -> tuple[object, ...]:
    """Return an invoice as a row of :data:`INVOICE_COLUMNS`."""
    return (
        invoice.number,
        invoice.document.value,
        invoice.customer,
        invoice.month,
        invoice.currency,
        format_timestamp(invoice.issued_at_ms),
        invoice.count,
        format_micros(invoice.exact_micros),
        format_minor(invoice.total_minor, invoice.currency),
    )


def line_rows(invoice: Invoice) -> Iterator[tuple[object, ...]]:
    """Yield the lines and adjustments of an invoice as rows of :data:`LINE_COLUMNS`."""
    for kind, lines in (("line", invoice.lines), ("adjustment", invoice.adjustments)):
        for line in lines:
            yield (
                invoice.number,
                invoice.customer,
                kind,
                line.month,
                line.type,
                line.count,
                format_micros(line.exact_micros),
                format_micros(line.carried_micros),
                format_minor(line.amount_minor, invoice.currency),
                invoice.currency,
            )


def json_line(invoice: Invoice) -> bytes:
    """Return an invoice as one line of JSON, its end included."""
    fields = {
        "number": invoice.number,
        "document": invoice.document.value,
        "customer": invoice.customer,
        "month": invoice.month,
        "currency": invoice.currency,
        "issued_at": format_timestamp(invoice.issued_at_ms),
        "lines": [_line_fields(line, invoice.currency) for line in invoice.lines],
        "adjustments": [{"month": line.month, **_line_fields(line, invoice.currency)} for line in invoice.adjustments],
        "events": invoice.count,
        "exact": format_micros(invoice.exact_micros),
        "total": format_minor(invoice.total_minor, invoice.currency),
        "offsets": {str(partition): offset for partition, offset in sorted(invoice.offsets.items())},
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _line_fields(line: Line, currency: str) -> dict[str, Any]:
    return {
        "type": line.type,
        "events": line.count,
        "exact": format_micros(line.exact_micros),
        "carried": format_micros(line.carried_micros),
        "amount": format_minor(line.amount_minor, currency),
    }
