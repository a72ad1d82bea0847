"""The fast path: plain CSV records of one input partition, parsed in bulk with Polars.

It takes only what it reads exactly as :func:`billing.event.decode_event` would and leaves the rest to it: records
with quotes, JSON, anything malformed or against a rule. A record it takes is valid; it never rejects one itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from billing.event import MAX_CUSTOMER_CHARACTERS, MAX_ID_CHARACTERS, EventRules
from billing.local_time import MS_PER_SECOND
from billing.money import FRACTION_DIGITS, MAX_UNIT_DIGITS
from billing.period import FIRST_MS_TIMESTAMP
from processor.event_table import EventTable

# A plain record: no quotes, no line ends, and each field in the form that the rules have for it. It is checked as text,
# before anything is made of it: Polars would read more than the rules allow, and round what is too precise.
_PLAIN = (
    r"^[0-9]{1,18}"
    # Neither control characters nor separators of lines, and no space at either end.
    r',[^\s\p{Cc}",](?:[^\p{Cc}\x{2028}\x{2029}",]*[^\s\p{Cc}",])?'
    rf",[+-]?[0-9]{{1,{MAX_UNIT_DIGITS}}}(?:\.[0-9]{{1,{FRACTION_DIGITS}}})?"
    r'(?:,[A-Za-z0-9_]*(?:,[^\p{Cc}\x{2028}\x{2029}",]*)?)?$'
)

# No field of a record as short as this can be too long.
_SHORT_BYTES = min(MAX_CUSTOMER_CHARACTERS, MAX_ID_CHARACTERS)

_DECIMAL = pl.Decimal(18, FRACTION_DIGITS)


@dataclass(frozen=True, slots=True)
class PlainEvents:
    """What the fast path took of a batch, and what it left.

    Args:
        events: the events taken, with the columns of the table, and `index`: the position in the batch.
        rest: positions of the records left to the exact path, ascending.
    """

    events: pl.DataFrame
    rest: list[int]


def read_plain_csv(
    payloads: Sequence[bytes | None], table: EventTable, rules: EventRules, latest_ms: int
) -> PlainEvents:
    """Read the plain CSV records among `payloads`.

    Args:
        payloads: the records' values, in offset order.
        table: which the events are for.
        rules: what an event must keep to.
        latest_ms: the latest event time allowed, in milliseconds.
    """
    lines = pl.DataFrame({"line": _as_text(payloads)}).with_row_index("index")
    # One query: what a call costs whatever its size is a third of the time.
    events = (
        lines.lazy()
        .filter(_is_plain(pl.col("line"), min(_SHORT_BYTES, rules.max_event_bytes)))
        .select("index", fields=pl.col("line").str.split_exact(",", 3))
        .select("index", **_columns(table))
        .filter(pl.col("ms").is_between(rules.min_event_ms, latest_ms) & pl.col("type").is_not_null())
        .collect(engine="in-memory")
    )
    rest = [] if events.height == len(payloads) else lines.join(events, on="index", how="anti")["index"].to_list()
    return PlainEvents(events, rest)


def _as_text(payloads: Sequence[bytes | None]) -> pl.Series:
    """Return the payloads as text, null where there is none or it is not UTF-8."""
    try:
        return pl.Series(payloads, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        readable = [payload if payload and _is_utf8(payload) else None for payload in payloads]
        return pl.Series(readable, dtype=pl.Binary).cast(pl.String)


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_plain(line: pl.Expr, most_bytes: int) -> pl.Expr:
    return (line.str.len_bytes() <= most_bytes) & line.str.contains(_PLAIN)


def _columns(table: EventTable) -> dict[str, pl.Expr]:
    """Return the columns of the table; the type is null where it is none of those known."""
    timestamp, customer, amount, type_ = (pl.col("fields").struct.field(f"field_{number}") for number in range(4))
    # Not strict: the query may come to lines that it will leave out.
    seconds = timestamp.cast(pl.Int64, strict=False)
    return {
        "customer": customer.cast(table.customers),
        "type": type_.fill_null("").cast(table.types, strict=False),
        "ms": pl.when(seconds < FIRST_MS_TIMESTAMP).then(seconds * MS_PER_SECOND).otherwise(seconds),
        # The physical value of a Decimal(18, 6) is its micros.
        "micros": amount.cast(_DECIMAL, strict=False).to_physical(),
    }
