"""Saves what differs as a table, and prints it in short."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from billing.errors import OperatorError
from billing.money import format_micros
from billing.runtime.whole_file import whole_text
from qb.replay.difference import Amount, Differences, Row

COLUMNS = (
    "month", "customer", "type", "live", "live_events", "recounted", "recounted_events", "pending", "difference",
    "causes",
)  # fmt: skip
PRINTED_ROWS = 20
_TEXT_ROW = "{:7}  {:24}  {:10}  {:>22}  {:>22}  {:>22}"


@dataclass
class Summary:
    """What all rows come to.

    Args:
        rows: how many differ.
        customers: of how many customers these are.
        micros: what is left to be issued, by month.
        shown: the first rows that differ.
    """

    rows: int = 0
    customers: int = 0
    micros: dict[str, int] = field(default_factory=dict)
    shown: list[Row] = field(default_factory=list)
    _last_customer: str | None = None

    def add(self, row: Row) -> None:
        """Take a row in, whether it differs or not."""
        if not row.differs:
            return
        self.rows += 1
        self.customers += row.customer != self._last_customer
        self._last_customer = row.customer
        self.micros[row.month] = self.micros.get(row.month, 0) + row.micros
        if len(self.shown) < PRINTED_ROWS:
            self.shown.append(row)


class _Table(Protocol):
    def add(self, row: Row) -> None: ...

    def end(self) -> None: ...


class _CsvTable:
    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def add(self, row: Row) -> None:
        fields = _fields(row)
        fields["causes"] = " ".join(f"{cause}:{format_micros(micros)}" for cause, micros in row.corrections.items())
        self._writer.writerow(["" if value is None else value for value in fields.values()])

    def end(self) -> None:
        pass


class _JsonTable:
    def __init__(self, file: TextIO) -> None:
        self._file, self._separator = file, ""
        file.write('{"differences": [')

    def add(self, row: Row) -> None:
        self._file.write(f"{self._separator}\n{json.dumps(_fields(row), ensure_ascii=False)}")
        self._separator = ","

    def end(self) -> None:
        self._file.write("\n]}\n")


def _fields(row: Row) -> dict[str, object]:
    live, recounted = _told(row.live), _told(row.recounted)
    return {
        "month": row.month,
        "customer": row.customer,
        "type": row.type,
        "live": live[0],
        "live_events": live[1],
        "recounted": recounted[0],
        "recounted_events": recounted[1],
        "pending": format_micros(row.pending_micros),
        "difference": format_micros(row.micros),
        "causes": {cause: format_micros(micros) for cause, micros in row.corrections.items()},
    }


def _told(amount: Amount | None) -> tuple[str | None, int | None]:
    return (None, None) if amount is None else (format_micros(amount[0]), amount[1])


def save(differences: Differences, path: Path) -> Summary:
    """Save the rows that differ, and return what they come to. The file is whole or not there.

    Args:
        differences: what is compared.
        path: the file; a table as JSON if its name ends with ``.json``, else as CSV.

    Raises:
        OperatorError: the file cannot be written.
    """
    summary = Summary()
    try:
        with whole_text(path) as file:
            table: _Table = _JsonTable(file) if path.suffix == ".json" else _CsvTable(file)
            for row in differences.rows():
                summary.add(row)
                if row.differs:
                    table.add(row)
            table.end()
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}; name another one with --file") from error
    return summary


def lines(summary: Summary, month: str, path: Path) -> Iterator[str]:
    """Yield what is printed."""
    if not summary.rows:
        yield f"{month} is what the recount says: nothing differs"
        return
    yield _TEXT_ROW.format("month", "customer", "type", "live", "recounted", "difference").rstrip()
    for row in summary.shown:
        live, recounted = (_told(amount)[0] or "" for amount in (row.live, row.recounted))
        yield _TEXT_ROW.format(row.month, row.customer, row.type, live, recounted, format_micros(row.micros))
    if summary.rows > len(summary.shown):
        yield f"... and {summary.rows - len(summary.shown):,} more"
    yield f"{summary.customers:,} customers differ, in {summary.rows:,} rows; all of them are in {path}"
    for each, micros in sorted(summary.micros.items()):
        yield f"{each}: {format_micros(micros)} to be issued"
