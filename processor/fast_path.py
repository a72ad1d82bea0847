"""The fast path: plain CSV records of one input partition, parsed and summed in bulk with Polars.

It takes only what it reads exactly as :func:`billing.event.decode_event` would and leaves the rest to it: records
with quotes, JSON, anything malformed or against a rule. A record it takes is valid; it never rejects one itself.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from billing.event import MAX_ID_CHARACTERS, EventRejectedError, EventRules, check_customer
from billing.money import FRACTION_DIGITS, MAX_UNIT_DIGITS
from billing.period import FIRST_MS_TIMESTAMP, MS_PER_HOUR, MS_PER_SECOND, MonthCalendar

# Stands behind the last field of each line, so that the column it lands in tells how many fields there were.
END = "\x01"
_LINE_END = f",{END}\n".encode()
_HEADER = b"timestamp,customer,amount,type,id,end\n"

# Bytes that a record must not have: quotes and JSON have a grammar of their own, the others would break the lines.
_SPECIAL_BYTES = (b'"', b"{", b"\r")
_SPECIAL = re.compile(rb'["{\r\x01]')

_TIMESTAMP = r"^[0-9]{1,18}$"
_AMOUNT = rf"^[+-]?[0-9]{{1,{MAX_UNIT_DIGITS}}}(\.[0-9]{{1,{FRACTION_DIGITS}}})?$"
_DECIMAL = pl.Decimal(18, FRACTION_DIGITS)

# Up to so many month starts inside a batch, comparing with each is cheaper than searching.
_FEW_STARTS = 12


@dataclass(frozen=True, slots=True)
class FastResult:
    """What the fast path took of a batch, and what it left.

    Args:
        by_customer: month (an index into the calendar's months), customer, type, total in micros, count.
        by_hour: UTC hour (hours since 1970), type, total in micros, count. In both the type is as it was written, in
            any case; None or :data:`END` where there was none.
        times: columns `index` (position in the batch) and `ms` (event time) of the records taken.
        rest: positions of the records left to the exact path, ascending.
    """

    by_customer: list[tuple[int, str, str | None, int, int]]
    by_hour: list[tuple[int, str | None, int, int]]
    times: pl.DataFrame
    rest: list[int]


NO_TIMES = pl.DataFrame(schema={"index": pl.UInt32, "ms": pl.Int64})


def sum_plain_csv(
    payloads: Sequence[bytes | None], rules: EventRules, calendar: MonthCalendar, latest_ms: int
) -> FastResult:
    """Sum the plain CSV records among `payloads`.

    Args:
        payloads: the records' values, in offset order.
        rules: what an event must keep to.
        calendar: the billing periods.
        latest_ms: the latest event time allowed, in milliseconds.
    """
    positions, text = _plain_lines(payloads)
    if not positions:
        return FastResult([], [], NO_TIMES, list(range(len(payloads))))
    frame = _read(text)
    if frame.height != len(positions):
        # A line end inside a record shifted the rows.
        positions = [p for p in positions if b"\n" not in (payloads[p] or b"")]
        if not positions:
            return FastResult([], [], NO_TIMES, list(range(len(payloads))))
        frame = _read(_join([payloads[p] or b"" for p in positions]))
    if len(positions) == len(payloads):
        frame = frame.with_row_index("index")
    else:
        frame = frame.with_columns(index=pl.Series(positions, dtype=pl.UInt32))
    taken = frame.select("index", "customer", "type", *_numbers(), ok=_is_valid(frame, rules, latest_ms))
    if not taken["ok"].all():
        taken = taken.filter("ok")
    rest = _missing(len(payloads), taken["index"]) if taken.height < len(payloads) else []
    return FastResult(
        by_customer=_sum_by_customer(taken, calendar),
        by_hour=_sum_by_hour(taken),
        times=taken.select("index", "ms"),
        rest=rest,
    )


def _plain_lines(payloads: Sequence[bytes | None]) -> tuple[Sequence[int], bytes]:
    """Return the positions of the records that one CSV text can hold, and that text."""
    if None not in payloads:
        text = _join(payloads)  # type: ignore[arg-type]
        if _is_plain(text, len(payloads)):
            return range(len(payloads)), text
    positions = [i for i, p in enumerate(payloads) if p is not None and not _SPECIAL.search(p) and _is_utf8(p)]
    return positions, _join([payloads[i] or b"" for i in positions])


def _is_plain(text: bytes, count: int) -> bool:
    """Whether the text of `count` lines has no byte that only the exact path understands. Passes at memory speed."""
    return (
        not any(byte in text for byte in _SPECIAL_BYTES)
        and text.count(END.encode()) == count
        and (text.isascii() or _is_utf8(text))
    )


def _join(payloads: Sequence[bytes]) -> bytes:
    return _HEADER + _LINE_END.join(payloads) + _LINE_END


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(text: bytes) -> pl.DataFrame:
    # Categories of their own, so that the names of a batch are forgotten with it.
    category = pl.Categorical(pl.Categories.random())
    return pl.read_csv(
        text,
        schema={
            "timestamp": pl.String,
            "customer": category,
            "amount": pl.String,
            "type": category,
            "id": pl.String,
            "end": pl.String,
        },
        quote_char=None,
        extra_columns="ignore",
        missing_columns="insert",
    )


def _numbers() -> tuple[pl.Expr, pl.Expr]:
    """Return event time in milliseconds and amount in micros; null, or meaningless, in rows that are not valid."""
    timestamp = pl.col("timestamp").cast(pl.Int64, strict=False)
    milliseconds = pl.when(timestamp < FIRST_MS_TIMESTAMP).then(timestamp * MS_PER_SECOND).otherwise(timestamp)
    # The physical value of a Decimal(18, 6) is its micros, 128 bits wide: a sum cannot overflow.
    return milliseconds.alias("ms"), pl.col("amount").cast(_DECIMAL, strict=False).to_physical().alias("micros")


def _is_valid(frame: pl.DataFrame, rules: EventRules, latest_ms: int) -> pl.Expr:
    milliseconds, _ = _numbers()
    valid = (
        pl.col("timestamp").str.contains(_TIMESTAMP)
        & pl.col("amount").str.contains(_AMOUNT)
        & pl.col("customer").is_not_null()
        & ((pl.col("id") == END) | (pl.col("type") == END) | (pl.col("end") == END)).fill_null(value=False)
        & (pl.col("id").str.len_bytes() <= MAX_ID_CHARACTERS).fill_null(value=True)
        & (milliseconds <= latest_ms)
    )
    if bad_customers := [name for name in _distinct(frame, "customer") if not _is_customer(name)]:
        valid &= ~pl.col("customer").cast(pl.String).is_in(bad_customers)
    if bad_types := [name for name in _distinct(frame, "type") if name != END and name.upper() not in rules.types]:
        valid &= ~pl.col("type").cast(pl.String).is_in(bad_types).fill_null(value=False)
    return valid.fill_null(value=False)


def _distinct(frame: pl.DataFrame, column: str) -> list[str]:
    return frame[column].unique().drop_nulls().cast(pl.String).to_list()


def _is_customer(name: str) -> bool:
    try:
        check_customer(name)
    except EventRejectedError:
        return False
    return True


def _missing(count: int, taken: pl.Series) -> list[int]:
    return (
        pl.DataFrame({"index": pl.int_range(count, dtype=pl.UInt32, eager=True)})
        .join(taken.to_frame(), on="index", how="anti", maintain_order="left")["index"]
        .to_list()
    )


def _sum_by_customer(taken: pl.DataFrame, calendar: MonthCalendar) -> list[tuple[int, str, str | None, int, int]]:
    if taken.is_empty():
        return []
    groups = taken.group_by("customer", "type", _month_index(taken["ms"], calendar).alias("month")).agg(
        pl.col("micros").sum(), pl.len()
    )
    return groups.select(
        pl.col("month"), pl.col("customer").cast(pl.String), pl.col("type").cast(pl.String), "micros", "len"
    ).rows()


def _month_index(milliseconds: pl.Series, calendar: MonthCalendar) -> pl.Expr:
    """Return the index of the month of each event time, by comparing with the month starts inside the batch."""
    first, last = (
        bisect_right(calendar.starts_ms, _int(edge)) - 1 for edge in (milliseconds.min(), milliseconds.max())
    )
    if last - first > _FEW_STARTS:
        return pl.lit(pl.Series(calendar.starts_ms).search_sorted(milliseconds, side="right") - 1)
    month = pl.lit(first, pl.Int32)
    for start_ms in calendar.starts_ms[first + 1 : last + 1]:
        month = month + (pl.col("ms") >= start_ms).cast(pl.Int32)
    return month


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _sum_by_hour(taken: pl.DataFrame) -> list[tuple[int, str | None, int, int]]:
    groups = taken.group_by(hour=pl.col("ms") // MS_PER_HOUR, type=pl.col("type")).agg(pl.col("micros").sum(), pl.len())
    return groups.select("hour", pl.col("type").cast(pl.String), "micros", "len").rows()
