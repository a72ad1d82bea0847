"""Events in columns, as they wait to be summed, and their sums: per customer and month, and per hour, each by type."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from billing.event import BillableEvent, EventRules
from billing.local_time import MS_PER_HOUR, LocalTime
from billing.period import MonthCalendar
from billing.sums import NO_SUMS, Sums

# Up to so many month starts inside a batch, comparing with each is cheaper than searching.
_FEW_STARTS = 12


@dataclass(frozen=True, slots=True)
class EventSums:
    """Sums of events, packed in the order of the rules' types.

    Args:
        customers: by (month, customer).
        hours: by the start of the hour of the zone, in milliseconds.
        all: of all events.
    """

    customers: dict[tuple[str, str], Sums]
    hours: dict[int, Sums]
    all: Sums


class EventTable:
    """The columns of events, and what the names in them are kept as. Drop the table, and they are forgotten.

    Columns: `customer`, `type` (in one of a few spellings, empty for the default), `ms` (event time) and `micros`, 128
    bits wide so that no sum can overflow.

    Args:
        rules: the event types.
    """

    def __init__(self, rules: EventRules) -> None:
        spellings = {"": rules.types.index(rules.default_type)}
        for slot, name in enumerate(rules.types):
            spellings |= dict.fromkeys((name, name.lower(), name.title()), slot)
        self._slot_of_code = list(spellings.values())
        self._slots = range(len(rules.types))
        self.types = pl.Enum(list(spellings))
        self.customers = pl.Categorical(pl.Categories.random())
        self._schema: dict[str, pl.DataType] = {
            "customer": self.customers,
            "type": self.types,
            "ms": pl.Int64(),
            "micros": pl.Int128(),
        }

    def rows(self, events: Sequence[BillableEvent]) -> pl.DataFrame:
        """Return single events as rows of the table."""
        return pl.DataFrame(
            {
                "customer": [event.customer for event in events],
                "type": [event.type for event in events],
                "ms": [event.timestamp_ms for event in events],
                "micros": [event.amount_micros for event in events],
            },
            schema=self._schema,
        )

    def sum(self, events: pl.DataFrame, calendar: MonthCalendar) -> EventSums:
        """Return the sums of events over the months of a calendar and over hours."""
        if events.is_empty():
            return EventSums({}, {}, NO_SUMS)
        events = _narrowed(events)
        months, hours = calendar.months, self._by_hour(events, calendar.local)
        return EventSums(
            customers={(months[row[0]], row[1]): row[2:] for row in self._by_customer(events, calendar).iter_rows()},
            hours={row[0]: row[1:] for row in hours.iter_rows()},
            all=hours.drop("hour").sum().row(0),
        )

    def _by_customer(self, events: pl.DataFrame, calendar: MonthCalendar) -> pl.DataFrame:
        """Return columns `month` (index in the calendar) and `customer`, then the packed sums."""
        codes, months = len(self._slot_of_code), len(calendar.months)
        customer = pl.col("customer").to_physical().cast(pl.Int64)
        key = (customer * codes + _type_code()) * months + _month_index(events["ms"], calendar)
        groups = _summed(events, key, pl.col("customer").first()).with_columns(
            pl.col("customer").cast(pl.String),
            (pl.col("key") % months).alias("month"),
            (pl.col("key") // months % codes).alias("code"),
        )
        return self._packed(groups, ["month", "customer"])

    def _by_hour(self, events: pl.DataFrame, local: LocalTime) -> pl.DataFrame:
        """Return the column `hour` (its start in milliseconds), then the packed sums."""
        codes = len(self._slot_of_code)
        groups = _summed(events, _hour_start(events["ms"], local) * codes + _type_code()).with_columns(
            (pl.col("key") // codes).alias("hour"), (pl.col("key") % codes).alias("code")
        )
        return self._packed(groups, ["hour"])

    def _packed(self, groups: pl.DataFrame, index: list[str]) -> pl.DataFrame:
        """Return a row for each value of the columns `index`: these, then total and count of each type."""
        slot = pl.col("code").replace_strict(range(len(self._slot_of_code)), self._slot_of_code)
        wide = groups.with_columns(slot=slot).pivot(
            "slot", self._slots, index=index, values=["micros", "count"], aggregate_function="sum"
        )
        packed = [f"{value}_{slot}" for slot in self._slots for value in ("micros", "count")]
        return wide.select(*index, pl.col(packed).fill_null(0))


def _narrowed(events: pl.DataFrame) -> pl.DataFrame:
    """Return events whose amounts are 64 bits wide, if no sum of them can need more: those are made into Python's."""
    largest = _int(events["micros"].abs().max())
    return events.cast({"micros": pl.Int64}) if largest * events.height < 2**63 else events


def _type_code() -> pl.Expr:
    return pl.col("type").to_physical().cast(pl.Int64)


def _summed(events: pl.DataFrame, key: pl.Expr, *kept: pl.Expr) -> pl.DataFrame:
    """Return total and number of the events of each key: one integer is found faster than what it is made of."""
    return events.group_by(key.alias("key")).agg(*kept, pl.col("micros").sum(), pl.len().alias("count"))


def _month_index(milliseconds: pl.Series, calendar: MonthCalendar) -> pl.Expr:
    """Return the index of the month of each event time, by comparing with the month starts inside the batch."""
    first, last = (
        bisect_right(calendar.starts_ms, _int(edge)) - 1 for edge in (milliseconds.min(), milliseconds.max())
    )
    if last - first > _FEW_STARTS:
        return pl.lit(pl.Series(calendar.starts_ms).search_sorted(milliseconds, side="right") - 1).cast(pl.Int64)
    month = pl.lit(first, pl.Int64)
    for start_ms in calendar.starts_ms[first + 1 : last + 1]:
        month = month + (pl.col("ms") >= start_ms).cast(pl.Int64)
    return month


def _hour_start(milliseconds: pl.Series, local: LocalTime) -> pl.Expr:
    """Return the start of the hour of each event time: :meth:`LocalTime.hour_start_ms` for many."""
    first, last = (local.segment(_int(edge)) for edge in (milliseconds.min(), milliseconds.max()))
    if first == last:
        start, offset = pl.lit(local.starts_ms[first], pl.Int64), pl.lit(local.offsets_ms[first], pl.Int64)
    else:
        segments = pl.Series(local.starts_ms).search_sorted(milliseconds, side="right").cast(pl.Int64) - 1
        start, offset = (pl.lit(pl.Series(of)).gather(segments) for of in (local.starts_ms, local.offsets_ms))
    ms = pl.col("ms")
    return pl.max_horizontal(ms - (ms + offset) % MS_PER_HOUR, start)


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
