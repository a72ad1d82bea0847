"""Shows what closing months would issue: a table on a terminal, CSV otherwise."""

import csv
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from billing import ledger
from billing.invoice import Invoice, MonthClose
from billing.ledger import InvoiceKey, MonthCloseKey
from billing.money import format_minor
from invoicer.files.rows import INVOICE_COLUMNS, invoice_row
from invoicer.issued import KeyValue

SHOWN_ON_TERMINAL = 50


class PreviewWriter:
    """Takes what would be written to the ledger and shows it instead.

    Args:
        out: where the invoices go.
        summary: where a line for each month goes.
    """

    def __init__(self, out: TextIO = sys.stdout, summary: TextIO = sys.stderr) -> None:
        self._on_terminal = out.isatty()
        self._console = Console(file=out)
        self._rows = csv.writer(out, lineterminator="\n")
        self._summary = summary
        self._table: Table | None = None
        self._header_written = False

    def commit(self, records: Sequence[KeyValue]) -> None:
        """Show the invoices among the records, and a line for each month's end."""
        for key, value in records:
            match ledger.decode_key(key):
                case InvoiceKey():
                    self._show(ledger.decode_invoice(value))
                case MonthCloseKey():
                    self._end(ledger.decode_close(value))

    def _show(self, invoice: Invoice) -> None:
        if self._on_terminal:
            self._table = self._table or _make_table(invoice.month)
            if self._table.row_count < SHOWN_ON_TERMINAL:
                self._table.add_row(*map(str, invoice_row(invoice)))
            return
        if not self._header_written:
            self._rows.writerow(INVOICE_COLUMNS)
            self._header_written = True
        self._rows.writerow(invoice_row(invoice))

    def _end(self, close: MonthClose) -> None:
        if self._table:
            self._console.print(self._table)
            if close.invoices > SHOWN_ON_TERMINAL:
                self._console.print(
                    f"... and {close.invoices - SHOWN_ON_TERMINAL} more; all of them into a pipe or file"
                )
        self._table = None
        print(
            f"{close.month}: {close.invoices} invoices over"
            f" {format_minor(close.total_minor, close.currency)} {close.currency} would be issued; nothing was",
            file=self._summary,
        )


def _make_table(month: str) -> Table:
    table = Table(title=f"Invoices of {month}, not issued")
    for column in INVOICE_COLUMNS:
        table.add_column(column, justify="right" if column in {"events", "exact", "total"} else "left")
    return table
