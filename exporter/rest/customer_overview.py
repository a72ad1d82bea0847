"""All that the page shows of one customer, in one document: every field is the customer's own or the deployment's."""

from aiohttp import web

from billing.invoice import Invoice
from billing.sums import event_count, total_micros
from exporter.rest.answer import answering, state_headers
from exporter.rest.budgets import uses_of
from exporter.rest.customer_overview_shapes import (
    CustomerMonth,
    CustomerOverview,
    CustomerWaiting,
    IssuedInvoice,
    ShownMonth,
)
from exporter.rest.documents import Documents
from exporter.rest.facts import facts
from exporter.rest.invoices import draft, draft_lines, issued
from exporter.rest.shapes import InvoiceDocument
from exporter.web.context import Context
from exporter.web.json_body import json_response
from exporter.web.parameters import MONTH, read_month, read_text
from exporter.web.problems import NOT_KNOWN, bad_parameter
from exporter.web.routes import Need, Parameter, Route

CUSTOMER = Parameter("customer", "its name; needed")


def customer_overview(documents: Documents, customer: str, month: str | None) -> CustomerOverview:
    """Return the document of a customer.

    Args:
        documents: of one state.
        customer: whose; one without events has no months.
        month: of the invoice and the budgets; None is the newest that there is something to show of.
    """
    view = documents.view
    invoices = customer_invoices(documents, customer)
    shown = _shown_months(documents, customer, invoices)
    month = month or (shown[-1]["month"] if shown else None)
    return {
        "ready": True,
        "message": None,
        **facts(documents.context),
        "as_of": documents.as_of,
        "customer": customer,
        "month": month,
        "status": view.status(month) if month else None,
        "shown_months": shown,
        "months": _months(documents, customer),
        "types": list(view.types.names),
        "invoices": [_without_lines(documents, invoice) for invoice in invoices],
        "invoice": _invoice(documents, customer, month) if month else None,
        "budgets": uses_of(documents, customer, month),
    }


def customer_waiting(context: Context) -> CustomerWaiting:
    """Return what stands in the document's place while the numbers are not known; why that is so is no customer's."""
    return {
        "ready": False,
        "message": NOT_KNOWN,
        "read_fraction": context.model.read_fraction,
        **facts(context),
    }


def customer_invoices(documents: Documents, customer: str) -> list[Invoice]:
    """Return a customer's issued invoices, oldest first."""
    ledger = documents.view.invoices
    return [invoice for name in sorted(ledger.months) if (invoice := ledger.get(customer, name)) is not None]


def read_customer(request: web.Request) -> str:
    """Return the name asked for.

    A parameter, and no part of the path: a browser takes names such as `..` for steps in one.

    Raises:
        ProblemError: there is none, or more than one.
    """
    customer = read_text(request, "customer")
    if not customer:
        raise bad_parameter("customer", "is missing: it names the customer")
    return customer


def _shown_months(documents: Documents, customer: str, invoices: list[Invoice]) -> list[ShownMonth]:
    view = documents.view
    months = {*view.customer_months(customer), *(invoice.month for invoice in invoices)}
    newest = view.newest_month()
    if newest and newest not in months and _invoice(documents, customer, newest):
        months.add(newest)
    return [{"month": month, "status": view.status(month)} for month in sorted(months)]


def _months(documents: Documents, customer: str) -> list[CustomerMonth]:
    view = documents.view
    found: list[CustomerMonth] = []
    for month in sorted(view.customer_months(customer)):
        sums = view.customer(customer, month)
        if sums is not None:
            found.append({
                "month": month,
                **documents.money(total_micros(sums)),
                "count": event_count(sums),
                "status": view.status(month),
                "types": documents.types(sums),
            })  # fmt: skip
    return found


def _invoice(documents: Documents, customer: str, month: str) -> InvoiceDocument | None:
    """Return the invoice of a month, or the draft of it; None if there is nothing to invoice."""
    ledger = documents.view.invoices
    invoice = ledger.get(customer, month)
    if invoice is not None:
        return issued(documents, invoice)
    lines = () if ledger.is_closed(month) else draft_lines(documents, customer, month)
    return draft(documents, customer, month, lines) if lines else None


def _without_lines(documents: Documents, invoice: Invoice) -> IssuedInvoice:
    whole = issued(documents, invoice)
    return {
        "number": whole["number"],
        "month": whole["month"],
        "issued_at": whole["issued_at"],
        "total": whole["total"],
        "currency": whole["currency"],
    }


async def get_customer_overview(request: web.Request) -> web.Response:
    """Answer with the document of a customer."""
    customer, month = read_customer(request), read_month(request)

    def answered(documents: Documents) -> web.Response:
        return json_response(customer_overview(documents, customer, month), headers=state_headers(documents))

    return await answering(request, answered)


ROUTES = (
    Route("GET", "/api/v1/customer", get_customer_overview, "All that the page shows of a customer.",
          (CUSTOMER, MONTH), CustomerOverview, errors=(400, 503), need=Need.OWN_QUERY),
)  # fmt: skip
