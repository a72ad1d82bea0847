"""The printable page of an invoice."""

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from billing.currency import minor_digits
from billing.invoice import Invoice, InvoiceKind, Line
from billing.money import format_micros, format_minor
from billing.period import format_timestamp

_TITLES = {InvoiceKind.INVOICE: "Invoice", InvoiceKind.CREDIT_NOTE: "Credit note"}
_TOTALS = {InvoiceKind.INVOICE: "Total to pay", InvoiceKind.CREDIT_NOTE: "Total in your favour"}


def render_page(invoice: Invoice) -> bytes:
    """Return the page of an invoice as HTML, on its own and without scripts."""
    tables = ""
    if invoice.lines:
        rows = [((line.type,), line) for line in invoice.lines]
        tables += _table(f"Usage in {invoice.month}", ("Type",), rows, invoice.currency)
    if invoice.adjustments:
        dated = [((line.month, line.type), line) for line in invoice.adjustments]
        tables += _table("Adjustments for earlier months", ("Month", "Type"), dated, invoice.currency)
    page = _template().substitute(
        title=_TITLES[invoice.document],
        number=escape(invoice.number),
        customer=escape(invoice.customer),
        month=escape(invoice.month),
        issued_at=format_timestamp(invoice.issued_at_ms),
        currency=escape(invoice.currency),
        tables=tables,
        unit=_unit(invoice.currency),
        total_label=_TOTALS[invoice.document],
        total=format_minor(invoice.total_minor, invoice.currency),
    )
    return page.encode()


def _unit(currency: str) -> str:
    digits = minor_digits(currency)
    return {0: "the whole unit", 2: "the cent"}.get(digits, f"{digits} decimal places")


@cache
def _template() -> Template:
    return Template(files(__package__).joinpath("page.html").read_text("utf-8"))


def _table(title: str, names: tuple[str, ...], rows: Sequence[tuple[tuple[str, ...], Line]], currency: str) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    head += "".join(f'<th scope="col" class="n">{name}</th>' for name in ("Events", "Exact", "Carried", "Amount"))
    body = "\n".join(_row(cells, line, currency) for cells, line in rows)
    return f"<h2>{escape(title)}</h2>\n<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"


def _row(cells: tuple[str, ...], line: Line, currency: str) -> str:
    figures = (
        str(line.count),
        format_micros(line.exact_micros),
        format_micros(line.carried_micros),
        format_minor(line.amount_minor, currency),
    )
    texts = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr>{texts}" + "".join(f'<td class="n">{figure}</td>' for figure in figures) + "</tr>"
