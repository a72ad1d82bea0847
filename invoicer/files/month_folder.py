"""Writes the folder of a month: under a temporary name, and renamed when it is complete and on the disk."""

import csv
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from billing.errors import OperatorError
from billing.invoice import Closing, Invoice, MonthClose, invoice_ordinal
from billing.money import format_minor
from billing.runtime.whole_file import sync_folder
from invoicer.files.checksummed import ChecksummedFile
from invoicer.files.manifest import MANIFEST, PAGES, FileSum, encode_manifest
from invoicer.files.page import render_page
from invoicer.files.rows import INVOICE_COLUMNS, LINE_COLUMNS, invoice_row, json_line, line_rows
from invoicer.steps import Step, Steps, ignore_step

SUMS = "SHA256SUMS"
PAGES_PER_FOLDER = 1_000


class LedgerFaultError(OperatorError):
    """The invoices in the ledger are not the ones that the month close counts."""


class MonthFolder:
    """Writes the files of one month.

    Args:
        output: the folder of all months; made if it is not there.
        month: the invoice month.
        steps: told of each step.

    Raises:
        OSError: the folder can't be written. Then, as after any error, call :meth:`abandon`.
    """

    def __init__(self, output: Path, month: str, steps: Steps = ignore_step) -> None:
        self.month = month
        self._output = output
        self._steps = steps
        self._closing = Closing(month)
        self._open: dict[str, ChecksummedFile] = {}
        self._partial = output / f".{month}.partial"
        output.mkdir(parents=True, exist_ok=True)
        _remove(self._partial)
        self._partial.mkdir()
        steps(Step.FILES_BEGUN)
        for name in ("invoices.csv", "lines.csv", "invoices.jsonl", SUMS):
            self._open[name] = ChecksummedFile(self._partial / name)
        self._write_rows("invoices.csv", [INVOICE_COLUMNS])
        self._write_rows("lines.csv", [LINE_COLUMNS])

    @property
    def invoices(self) -> int:
        """How many invoices are written."""
        return self._closing.invoices

    def add(self, invoice: Invoice) -> None:
        """Write an invoice. They come in the order of their numbers.

        Raises:
            LedgerFaultError: its number is not the next one.
            OSError: it can't be written.
        """
        self._closing = self._closing.after(invoice)
        if invoice_ordinal(invoice.number) != self._closing.invoices:
            raise LedgerFaultError(
                f"invoice {invoice.number} comes as number {self._closing.invoices} of its month in the ledger"
            )
        self._write_rows("invoices.csv", [invoice_row(invoice)])
        self._write_rows("lines.csv", line_rows(invoice))
        self._open["invoices.jsonl"].write(json_line(invoice))
        self._write_page(invoice)

    def finish(self, close: MonthClose) -> None:
        """End the files, write the manifest, and give the folder its final name.

        Raises:
            LedgerFaultError: the month close counts other invoices.
            OSError: it can't be written.
        """
        self._check(close)
        sums = {}
        for name in ("invoices.csv", "lines.csv", "invoices.jsonl", SUMS):
            file = self._open[name]
            file.close()
            sums[name] = FileSum(file.bytes, file.sha256)
            if name != SUMS:
                self._list(name, file.sha256)
        manifest = ChecksummedFile(self._partial / MANIFEST)
        manifest.write(encode_manifest(close, sums))
        manifest.close()
        # The pages, all at once: one by one they would take a disk access each.
        os.sync()
        self._steps(Step.FILES_WRITTEN)
        self._rename()
        self._steps(Step.FILES_RENAMED)

    def abandon(self) -> None:
        """Remove what has been written, as far as that is possible."""
        for file in self._open.values():
            file.abandon()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _write_rows(self, name: str, rows: Iterable[tuple[object, ...]]) -> None:
        csv.writer(_Encoded(self._open[name]), lineterminator="\n").writerows(rows)

    def _write_page(self, invoice: Invoice) -> None:
        ordinal = invoice_ordinal(invoice.number)
        name = f"{PAGES}/{ordinal // PAGES_PER_FOLDER:03d}/{invoice.number}.html"
        path = self._partial / name
        if ordinal % PAGES_PER_FOLDER == 0 or ordinal == 1:
            path.parent.mkdir(parents=True)
        page = render_page(invoice)
        path.write_bytes(page)
        self._list(name, hashlib.sha256(page).hexdigest())

    def _list(self, name: str, sha256: str) -> None:
        self._open[SUMS].write(f"{sha256}  {name}\n".encode())

    def _check(self, close: MonthClose) -> None:
        found = (self._closing.invoices, self._closing.total_minor, self._closing.exact_micros)
        if found != (close.invoices, close.total_minor, close.exact_micros):
            raise LedgerFaultError(
                f"the ledger has {found[0]} invoices over {format_minor(found[1], close.currency)} of {close.month}, "
                f"but its month close says {close.invoices} over {format_minor(close.total_minor, close.currency)}"
            )

    def _rename(self) -> None:
        final = self._output / self.month
        former = self._output / f".{self.month}.former"
        _remove(former)
        if final.exists():
            final.rename(former)
        self._partial.rename(final)
        sync_folder(self._output)
        _remove(former)


class _Encoded:
    """What :mod:`csv` writes text to."""

    def __init__(self, file: ChecksummedFile) -> None:
        self._file = file

    def write(self, text: str) -> None:
        self._file.write(text.encode())


def _remove(path: Path) -> None:
    """Remove a folder, or whatever is in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
