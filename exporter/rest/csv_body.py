"""Lists as CSV, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from aiohttp import web

from exporter.web.negotiation import quality
from exporter.web.parameters import read_text
from exporter.web.problems import bad_parameter

# What makes a spreadsheet run a cell as a formula. Amounts are numbers and may begin with a sign.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv(request: web.Request) -> bool:
    """Say whether a list is to be CSV: by `format`, else by the header Accept."""
    wanted = read_text(request, "format")
    if wanted is None:
        accept = request.headers.get("Accept", "")
        return quality(accept, "text/csv") > quality(accept, "application/json")
    if wanted not in ("json", "csv"):
        raise bad_parameter("format", f"{wanted[:40]!r} is neither json nor csv")
    return wanted == "csv"


def csv_bytes(columns: Sequence[str], rows: Iterable[Mapping[str, object]], names: Sequence[str]) -> bytes:
    """Return rows as CSV with a header line.

    Args:
        columns: the fields of a row to write, in their order.
        rows: the rows.
        names: the columns that hold names from outside, which must not run as formulas.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_harmless(str(row[c])) if c in names else row[c] for c in columns])
    return text.getvalue().encode()


def _harmless(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA) else name
