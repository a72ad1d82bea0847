"""The printable page of an invoice."""

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from billing.invoice import Invoice, InvoiceKind, Line
from billing.money import format_cents, format_micros
from billing.period import format_timestamp

_TITLES = {InvoiceKind.INVOICE: "Invoice", InvoiceKind.CREDIT_NOTE: "Credit note"}
_TOTALS = {InvoiceKind.INVOICE: "Total to pay", InvoiceKind.CREDIT_NOTE: "Total in your favour"}


def render_page(invoice: Invoice) -> bytes:
    """Return the page of an invoice as HTML, on its own and without scripts."""
    tables = ""
    if invoice.lines:
        tables += _table(f"Usage in {invoice.month}", ("Type",), [((line.type,), line) for line in invoice.lines])
    if invoice.adjustments:
        rows = [((line.month, line.type), line) for line in invoice.adjustments]
        tables += _table("Adjustments for earlier months", ("Month", "Type"), rows)
    page = _template().substitute(
        title=_TITLES[invoice.document],
        number=escape(invoice.number),
        customer=escape(invoice.customer),
        month=escape(invoice.month),
        issued_at=format_timestamp(invoice.issued_at_ms),
        currency=escape(invoice.currency),
        tables=tables,
        total_label=_TOTALS[invoice.document],
        total=format_cents(invoice.total_cents),
    )
    return page.encode()


@cache
def _template() -> Template:
    return Template(files(__package__).joinpath("page.html").read_text("utf-8"))


def _table(title: str, names: tuple[str, ...], rows: Sequence[tuple[tuple[str, ...], Line]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    head += "".join(f'<th scope="col" class="n">{name}</th>' for name in ("Events", "Exact", "Carried", "Amount"))
    body = "\n".join(_row(cells, line) for cells, line in rows)
    return f"<h2>{escape(title)}</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"


def _row(cells: tuple[str, ...], line: Line) -> str:
    figures = (
        str(line.count),
        format_micros(line.exact_micros),
        format_micros(line.carried_micros),
        format_cents(line.amount_cents),
    )
    texts = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr>{texts}" + "".join(f'<td class="n">{figure}</td>' for figure in figures) + "</tr>"
