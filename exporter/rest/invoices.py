"""Issued invoices as they are stored, and what an open month's would say today."""

from itertools import islice

from aiohttp import web

from billing.invoice import Invoice, InvoiceKind, Line
from billing.money import format_micros, format_minor
from billing.period import format_timestamp
from billing.sums import NO_SUMS
from exporter.rest.answer import answer, answering
from exporter.rest.documents import Documents
from exporter.rest.shapes import InvoiceDocument, InvoiceLine, Invoices, InvoiceSums
from exporter.web.parameters import (
    CURSOR,
    CUSTOMER_IN_PATH,
    MONTH,
    MONTH_IN_PATH,
    checked_month,
    limit,
    read_limit,
    read_month,
    read_text,
)
from exporter.web.problems import ProblemError, bad_parameter
from exporter.web.routes import Need, Parameter, Route

DEFAULT_LIMIT = 100

CUSTOMER = Parameter("customer", "only this customer's invoices; without `month` those of all months")


async def one_invoice(request: web.Request) -> web.Response:
    """Answer with an issued invoice; for a month that is not closed, with a draft of it."""
    customer, month = request.match_info["customer"], checked_month(request.match_info["month"])

    def answered(documents: Documents) -> web.Response:
        view = documents.view
        invoice = view.invoices.get(customer, month)
        if invoice is not None:
            return answer(documents, issued(documents, invoice))
        lines = () if view.invoices.is_closed(month) else draft_lines(documents, customer, month)
        if not lines:
            raise ProblemError(404, "unknown_invoice", f"{customer[:200]!r} has nothing to pay for {month}")
        return answer(documents, draft(documents, customer, month, lines))

    return await answering(request, answered)


async def list_invoices(request: web.Request) -> web.Response:
    """Answer with issued invoices: a month's in the order of their numbers, or one customer's."""
    size, asked, customer = read_limit(request, DEFAULT_LIMIT), read_month(request), read_text(request, "customer")
    start = _start(request)

    def answered(documents: Documents) -> web.Response:
        documents.view.expect(size)
        ledger, month = documents.view.invoices, asked
        if customer is not None:
            months = [month] if month else sorted(ledger.months)
            found = [invoice for name in months if (invoice := ledger.get(customer, name)) is not None]
            page = found[start : start + size + 1]
        else:
            month = month or max((name for name, one in ledger.months.items() if one.values), default=None)
            page = list(islice(ledger.page(month, start), size + 1)) if month else []
        rows = [issued(documents, invoice) for invoice in page[:size]]
        following = str(start + size) if len(page) > size else None
        return answer(documents, Invoices(invoices=rows, next=following, month=month, as_of=documents.as_of))

    return await answering(request, answered, at_once=size <= DEFAULT_LIMIT)


def draft_lines(documents: Documents, customer: str, month: str) -> tuple[Line, ...]:
    """Return the lines of the invoice that would be issued now."""
    view, types = documents.view, documents.view.types
    totals = {
        usage: types.unpack(view.customer(customer, usage) or NO_SUMS) for usage in view.customer_months(customer)
    }
    return view.invoices.draft_lines(customer, month, totals, documents.currency)


def issued(documents: Documents, invoice: Invoice) -> InvoiceDocument:
    """Return the document of an issued invoice."""
    return {
        "number": invoice.number,
        "status": "final",
        "document": invoice.document,
        "customer": invoice.customer,
        "month": invoice.month,
        "currency": invoice.currency,
        "issued_at": format_timestamp(invoice.issued_at_ms),
        **_amounts(invoice.all_lines, invoice.currency),
        "lines": [_line(line, invoice.currency) for line in invoice.lines],
        "adjustments": [_line(line, invoice.currency) for line in invoice.adjustments],
        "as_of": documents.as_of,
    }


def draft(documents: Documents, customer: str, month: str, lines: tuple[Line, ...]) -> InvoiceDocument:
    """Return the document of an invoice that is not issued yet."""
    negative = sum(line.amount_minor for line in lines) < 0
    return {
        "number": None,
        "status": "draft",
        "document": InvoiceKind.CREDIT_NOTE if negative else InvoiceKind.INVOICE,
        "customer": customer,
        "month": month,
        "currency": documents.currency,
        "issued_at": None,
        **_amounts(lines, documents.currency),
        "lines": [_line(line, documents.currency) for line in lines if line.month == month],
        "adjustments": [_line(line, documents.currency) for line in lines if line.month != month],
        "as_of": documents.as_of,
    }


def _amounts(lines: tuple[Line, ...], currency: str) -> InvoiceSums:
    return {
        "total": format_minor(sum(line.amount_minor for line in lines), currency),
        "exact": format_micros(sum(line.exact_micros for line in lines)),
        "count": sum(line.count for line in lines),
    }


def _line(line: Line, currency: str) -> InvoiceLine:
    return {
        "month": line.month,
        "type": line.type,
        "count": line.count,
        "exact": format_micros(line.exact_micros),
        "carried": format_micros(line.carried_micros),
        "amount": format_minor(line.amount_minor, currency),
    }


def _start(request: web.Request) -> int:
    text = read_text(request, "cursor")
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise bad_parameter("cursor", "is not the `next` of a page")
    return int(text)


ROUTES = (
    Route("GET", "/invoices", list_invoices, "Issued invoices, in the order of their numbers.",
          (MONTH, CUSTOMER, limit(DEFAULT_LIMIT), CURSOR), Invoices, need=Need.OWN_QUERY),
    Route("GET", "/invoices/{customer}/{month}", one_invoice, "An issued invoice, or the draft of an open month.",
          (CUSTOMER_IN_PATH, MONTH_IN_PATH), InvoiceDocument, errors=(400, 404, 503),
          need=Need.OWN_PATH),
)  # fmt: skip
