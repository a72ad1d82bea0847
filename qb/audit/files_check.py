"""Checks of the invoice files: they say what the ledger says, and their checksums are right.

They are read as anybody would read them, who has nothing but the files: CSV, JSON and checksums.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import file_digest
from itertools import zip_longest
from pathlib import Path
from typing import Any

from billing.invoice import Invoice, Line, MonthClose
from billing.money import format_micros, format_minor
from billing.period import format_timestamp
from qb.audit.findings import Check, Findings
from qb.audit.ledger_check import LedgerCheck

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"


def check_files(output: Path, ledger: LedgerCheck, findings: Findings) -> None:
    """Compare the folder of each closed month with the ledger.

    If there is no folder of files at all, that is noted and no difference: they may lie on another machine. So is a
    month whose files are being written now.

    Args:
        output: the folder of all months.
        ledger: the ledger, read.
        findings: where differences go.
    """
    if not output.is_dir():
        if ledger.closes:
            findings.notes.append(f"invoice files: there is no folder {output}")
        return
    for month, close in sorted(ledger.closes.items()):
        folder = output / month
        if folder.is_dir():
            MonthFiles(folder, findings).check(close, partial(ledger.invoices_of, month))
        elif (output / f".{month}.partial").is_dir():
            findings.notes.append(f"invoice files of {month}: they are being written now")
        else:
            findings.add(Check.FILES, month, "a folder", "none")
    for path in sorted(output.iterdir()):
        # A later month may have been closed since the ledger was read.
        if path.is_dir() and path.name[:1].isdigit() and path.name < max(ledger.closes, default=""):
            findings.compare(Check.FILES, path.name, "closed", "closed" if path.name in ledger.closes else "not closed")


class MonthFiles:
    """The folder of one month.

    Args:
        folder: where it is.
        findings: where differences go.
    """

    def __init__(self, folder: Path, findings: Findings) -> None:
        self._folder, self._findings = folder, findings

    def check(self, close: MonthClose, invoices: Callable[[], Iterable[Invoice]]) -> None:
        """Compare all files with the month close and its invoices.

        Args:
            close: the month close.
            invoices: gives the invoices in the order of their numbers, each time it is called.
        """
        checks: dict[str, Callable[[], None]] = {
            MANIFEST: lambda: self._check_manifest(close),
            SUMS: self._check_sums,
            "invoices.jsonl": lambda: self._check_entries("invoices.jsonl", _json_lines, map(_as_json, invoices())),
            "invoices.csv": lambda: self._check_entries("invoices.csv", _csv_rows, map(_as_row, invoices())),
            "lines.csv": lambda: self._check_entries("lines.csv", _csv_rows, _line_rows(invoices())),
            "pages": lambda: self._check_pages(invoices()),
        }
        for name, check in checks.items():
            try:
                check()
            except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
                self._add(name, "a file that can be read", f"{type(error).__name__}: {error}")

    def _check_manifest(self, close: MonthClose) -> None:
        manifest = json.loads((self._folder / MANIFEST).read_bytes())
        for name, expected in (
            ("month", close.month),
            ("currency", close.currency),
            ("invoices", close.invoices),
            ("total", format_minor(close.total_minor, close.currency)),
            ("exact", format_micros(close.exact_micros)),
        ):
            self._compare(f"{MANIFEST}: {name}", expected, manifest[name])
        for name, listed in manifest["files"].items():
            self._compare(f"{name}: checksum in {MANIFEST}", listed["sha256"], self._sha256(name))

    def _check_sums(self) -> None:
        listed = set()
        with (self._folder / SUMS).open(encoding="utf-8") as lines:
            for line in lines:
                sha256, name = line.rstrip("\n").split("  ", 1)
                listed.add(name)
                found = self._sha256(name) if (self._folder / name).is_file() else "no such file"
                self._compare(f"{name}: checksum in {SUMS}", sha256, found)
        for path in self._folder.rglob("*"):
            name = path.relative_to(self._folder).as_posix()
            if path.is_file() and name not in listed and name not in (MANIFEST, SUMS):
                self._add(name, f"in {SUMS}", "not listed")

    def _check_entries(self, name: str, read: Callable[[Path], Iterable[Any]], expected: Iterable[Any]) -> None:
        for number, (should_be, found) in enumerate(zip_longest(expected, read(self._folder / name)), 1):
            self._compare(f"{name}, entry {number}", should_be, found)

    def _check_pages(self, invoices: Iterable[Invoice]) -> None:
        pages = {path.name: path for path in (self._folder / "pages").rglob("*.html")}
        for invoice in invoices:
            page = pages.pop(f"{invoice.number}.html", None)
            if page is None:
                self._add(f"page of {invoice.number}", "a page", "none")
                continue
            text = page.read_text(encoding="utf-8")
            for fact in (invoice.number, format_minor(invoice.total_minor, invoice.currency)):
                if fact not in text:
                    self._add(f"page of {invoice.number}", fact, "not on the page")
        for name in pages:
            self._add(f"page {name}", "an invoice", "none")

    def _sha256(self, name: str) -> str:
        with (self._folder / name).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def _compare(self, what: str, expected: object, found: object) -> None:
        self._findings.compare(Check.FILES, f"{self._folder.name}/{what}", expected, found)

    def _add(self, what: str, expected: str, found: str) -> None:
        self._findings.add(Check.FILES, f"{self._folder.name}/{what}", expected, found)


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _csv_rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, strict=True)


def _as_json(invoice: Invoice) -> dict[str, object]:
    return {
        "number": invoice.number,
        "document": invoice.document.value,
        "customer": invoice.customer,
        "month": invoice.month,
        "currency": invoice.currency,
        "issued_at": format_timestamp(invoice.issued_at_ms),
        "lines": [_line_json(line, invoice.currency) for line in invoice.lines],
        "adjustments": [{"month": line.month, **_line_json(line, invoice.currency)} for line in invoice.adjustments],
        "events": invoice.count,
        "exact": format_micros(invoice.exact_micros),
        "total": format_minor(invoice.total_minor, invoice.currency),
        "offsets": {str(partition): offset for partition, offset in invoice.offsets.items()},
    }


def _line_json(line: Line, currency: str) -> dict[str, object]:
    return {
        "type": line.type,
        "events": line.count,
        "exact": format_micros(line.exact_micros),
        "carried": format_micros(line.carried_micros),
        "amount": format_minor(line.amount_minor, currency),
    }


def _as_row(invoice: Invoice) -> dict[str, str]:
    return {
        "number": invoice.number,
        "document": invoice.document.value,
        "customer": invoice.customer,
        "month": invoice.month,
        "currency": invoice.currency,
        "issued_at": format_timestamp(invoice.issued_at_ms),
        "events": str(invoice.count),
        "exact": format_micros(invoice.exact_micros),
        "total": format_minor(invoice.total_minor, invoice.currency),
    }


def _line_rows(invoices: Iterable[Invoice]) -> Iterator[dict[str, str]]:
    for invoice in invoices:
        for kind, lines in (("line", invoice.lines), ("adjustment", invoice.adjustments)):
            for line in lines:
                yield {
                    "number": invoice.number,
                    "customer": invoice.customer,
                    "kind": kind,
                    "usage_month": line.month,
                    "type": line.type,
                    "events": str(line.count),
                    "exact": format_micros(line.exact_micros),
                    "carried": format_micros(line.carried_micros),
                    "amount": format_minor(line.amount_minor, invoice.currency),
                    "currency": invoice.currency,
                }
