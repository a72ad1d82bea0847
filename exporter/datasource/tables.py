"""The table targets about events and what they cost: months, types, customers."""

from collections.abc import Sequence
from heapq import nsmallest
from itertools import islice

from billing.sums import Sums, event_count, of_slot, total_micros
from exporter.datasource.columns import Row, table
from exporter.datasource.frames import Frame
from exporter.model.comparison import NOTHING_BEFORE, Comparison, compare
from exporter.model.figures import share_of
from exporter.model.view import Sort, measure_of
from exporter.query.asked import Asked
from exporter.query.filters import passes
from exporter.web.problems import unprocessable

MAX_ROWS = 10_000
DEFAULT_ROWS = 1_000
DEFAULT_TOP = 10


def totals(asked: Asked) -> list[Frame]:
    """Return a row for each month asked for; by default the newest."""
    return _months(asked, "newest")


def months(asked: Asked) -> list[Frame]:
    """Return a row for each month asked for; by default all."""
    return _months(asked, "all")


def types(asked: Asked) -> list[Frame]:
    """Return a row for each month and type asked for."""
    rows = []
    wanted = asked.months(default="newest")
    for month in wanted:
        sums, comparison = asked.month_sums(month), _comparison(asked, month)
        for slot in asked.slots:
            total, count = of_slot(sums, slot)
            rows.append(Row(
                month=month, status=asked.view.status(month).value, total=total, count=count,
                type=asked.view.types.names[slot], customers=_active(asked, month, slot),
                share=share_of(total, total_micros(sums)), comparison=comparison.of_slot(slot),
            ))  # fmt: skip
    columns = ("month", "type", *_MONEY, "customers", "share", *_COMPARED, "status")
    return [table(asked, "types", columns, rows, wanted)]


def customers(asked: Asked) -> list[Frame]:
    """Return the highest customers of each month asked for."""
    rows, size, cut = [], read_limit(asked, DEFAULT_TOP), False
    wanted = asked.months(default="newest")
    for month in wanted:
        whole = total_micros(asked.counted(asked.view.month_sums(month)))
        top = _top(asked, month, size + 1)
        cut = cut or len(top) > size
        for name, sums in top[:size]:
            total, count = total_micros(sums), event_count(sums)
            rows.append(Row(
                customer=name, month=month, status=asked.view.status(month).value, total=total, count=count,
                share=share_of(total, whole),
            ))  # fmt: skip
    notices = [("info", f"the first {size} customers are shown")] if cut else []
    return [table(asked, "customers", ("customer", "month", *_MONEY, "share", "status"), rows, wanted, notices)]


def customer(asked: Asked) -> list[Frame]:
    """Return a row for each customer, month and type asked for; the customers must be named."""
    rows: list[Row] = []
    found: set[str] = set()
    size, names = read_limit(asked, DEFAULT_ROWS), asked.view.types.names
    wanted = asked.months(default="all")
    for month in wanted:
        for name, sums in asked.customers_of(month, asked.customers):
            found.add(name)
            for slot in asked.slots:
                total, count = of_slot(sums, slot)
                if count and len(rows) <= size:
                    status = asked.view.status(month).value
                    rows.append(
                        Row(customer=name, month=month, type=names[slot], status=status, total=total, count=count)
                    )
    notices = [("warning", f"the first {size} rows are shown")] if len(rows) > size else []
    missing = [name for name in asked.customers.values or () if name not in found]
    if missing:
        notices.append(("warning", f"no events of {', '.join(missing[:5])}" + (" and others" if missing[5:] else "")))
    shown = [month for month in wanted if any(row.month == month for row in rows)]
    columns = ("customer", "month", "type", *_MONEY, "status")
    return [table(asked, "customer", columns, rows[:size], shown, notices)]


def read_limit(asked: Asked, default: int) -> int:
    """Return how many rows are asked for at most."""
    raw = asked.payload.get("limit")
    if raw is None or raw == "":
        return default
    text = str(raw)
    if isinstance(raw, bool) or not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_ROWS):
        raise unprocessable("bad_payload", f"limit {text[:40]!r} is not a number from 1 to {MAX_ROWS}", "limit")
    return int(text)


_MONEY = ("revenue", "revenue_exact", "events", "average_price")
_COMPARED = ("previous_revenue", "previous_to_date", "change")


def _months(asked: Asked, default: str) -> list[Frame]:
    rows, wanted = [], asked.months(default)
    for month in wanted:
        sums = asked.month_sums(month)
        only = asked.slots[0] if len(asked.slots) == 1 else None
        rows.append(Row(
            month=month, status=asked.view.status(month).value, total=total_micros(sums), count=event_count(sums),
            customers=_active(asked, month, only), comparison=_comparison(asked, month),
        ))  # fmt: skip
    columns = ("month", "month_start", "month_end", *_MONEY, "customers", *_COMPARED, "status")
    return [table(asked, asked.name, columns, rows, wanted)]


def _comparison(asked: Asked, month: str) -> Comparison:
    """Compare with the month before; hours know no customers, so not when a filter picks some."""
    if asked.by_customer:
        return NOTHING_BEFORE
    whole = compare(asked.view, asked.context.calendar, month)
    return Comparison(asked.counted(whole.previous), asked.counted(whole.to_date), whole.known)


def _active(asked: Asked, month: str, slot: int | None) -> int:
    if not asked.by_customer and (slot is not None or asked.all_types):
        return asked.view.active_customers(month, slot)
    found = (sums for _, sums in asked.customers_of(month))
    return sum(1 for sums in found if slot is None or of_slot(sums, slot)[1])


def _top(asked: Asked, month: str, size: int) -> Sequence[tuple[str, Sums]]:
    sort, prefix = _sort(asked), str(asked.payload.get("prefix") or "")
    everybody = asked.view.customers(month)
    if sort is Sort.CUSTOMER:
        if asked.by_customer or not asked.all_types:
            asked.view.expect(len(everybody))
        names = asked.view.while_wanted(asked.view.named(prefix, month))
        found = ((name, asked.counted(everybody[name])) for name in names)
        return list(islice(((n, s) for n, s in found if event_count(s) and passes(asked.filters, "customer", n)), size))
    simple = not asked.by_customer and not prefix and (asked.all_types or len(asked.slots) == 1)
    if simple:
        slot = None if asked.all_types else asked.slots[0]
        ranked = asked.view.ranked(month, sort, slot)
        return [(name, asked.counted(everybody[name])) for name in islice(ranked, size)]
    measure = measure_of(sort, None)
    chosen = ((name, sums) for name, sums in asked.customers_of(month) if name.startswith(prefix))
    return nsmallest(size, chosen, key=lambda pair: (-(measure(pair[1]) or 0), pair[0]))


def _sort(asked: Asked) -> Sort:
    raw = asked.payload.get("sort") or Sort.TOTAL.value
    try:
        return Sort(raw)
    except ValueError:
        allowed = ", ".join(sort.value for sort in Sort)
        raise unprocessable("bad_payload", f"sort {str(raw)[:40]!r} is not one of {allowed}", "sort") from None
