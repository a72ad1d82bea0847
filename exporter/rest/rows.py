"""Flat rows for tools that want no nesting: the Infinity plugin, jq, spreadsheets."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from aiohttp import web

from billing.local_time import MS_PER_HOUR
from billing.money import format_micros, micros_to_float
from billing.period import format_timestamp
from billing.sums import event_count, of_slot, total_micros
from exporter.model.figures import only_slot
from exporter.model.view import Sort
from exporter.query.asked import Asked
from exporter.query.marks import marks
from exporter.query.time_range import TimeRange, read_time
from exporter.rest.answer import answering, state_headers
from exporter.rest.cursor import Selection
from exporter.rest.customers import find
from exporter.rest.documents import Documents, require_month
from exporter.rest.row_shapes import AnnotationRow, CustomerRow, HourRow, MonthRow, RowMoney, SubtotalRow, TypeRow
from exporter.web.json_body import json_response
from exporter.web.parameters import (
    MONTH,
    PREFIX,
    SORT,
    TYPE,
    limit,
    read_limit,
    read_month,
    read_prefix,
    read_slot,
    read_sort,
    read_text,
)
from exporter.web.problems import ProblemError, bad_parameter
from exporter.web.routes import Parameter, Route

DEFAULT_LIMIT = 100
MAX_ROWS = 100_000

MONTHS = Parameter("month", "one or several months; default: all")
TYPES = Parameter("type", "one or several types; default: all")
CUSTOMERS = Parameter("customer", "one or several customers; default: all together")
FROM = Parameter("from", "hours from this time on: RFC 3339 or milliseconds")
TO = Parameter("to", "hours before this time: RFC 3339 or milliseconds")


async def subtotals(request: web.Request) -> web.Response:
    """Answer with a row for each month and type; for each customer too if they are named."""

    def answered(documents: Documents) -> web.Response:
        asked = _asked(request, documents)
        wanted = asked.months(default="all")
        if "customer" in request.query:
            rows: list[TypeRow] = list(islice(_by_customer(asked, wanted), MAX_ROWS))
        else:
            rows = [row for month in wanted for row in _by_type(asked, month, asked.month_sums(month))]
        return _rows(documents, rows)

    return await answering(request, answered, at_once=False)


async def hours(request: web.Request) -> web.Response:
    """Answer with a row for each hour and type."""
    month, shown = read_month(request), _range(request)

    def answered(documents: Documents) -> web.Response:
        asked, known = _asked(request, documents), documents.view.hour_range()
        within = shown
        if month:
            start_ms, end_ms = documents.context.calendar.bounds_ms(month)
            within = TimeRange(max(shown.from_ms, start_ms), min(shown.to_ms, end_ms))
        found = documents.view.hours(within.from_ms, min(within.to_ms, known[1] + MS_PER_HOUR)) if known else []
        documents.view.expect(len(found))
        names = documents.view.types.names
        rows: list[HourRow] = [
            {"time": format_timestamp(hour_ms), "hour_start_ms": hour_ms, "type": names[slot], **_money(*pair)}
            for hour_ms, sums in found
            for slot in asked.slots
            if (pair := of_slot(sums, slot))[1]
        ]
        return _rows(documents, rows)

    return await answering(request, answered, at_once=False)


async def months(request: web.Request) -> web.Response:
    """Answer with a row for each month, oldest first."""

    def answered(documents: Documents) -> web.Response:
        view = documents.view
        rows: list[MonthRow] = []
        for month in view.months():
            start_ms, end_ms = documents.context.calendar.bounds_ms(month)
            sums = view.month_sums(month)
            rows.append({
                "month": month,
                "month_start": format_timestamp(start_ms),
                "month_end": format_timestamp(end_ms),
                **_money(total_micros(sums), event_count(sums)),
                "customers": view.active_customers(month),
                "status": view.status(month),
            })  # fmt: skip
        return _rows(documents, rows)

    return await answering(request, answered)


async def customers(request: web.Request) -> web.Response:
    """Answer with a row for each customer of a month, highest first."""
    size, prefix, asked = read_limit(request, DEFAULT_LIMIT), read_prefix(request), read_month(request)
    sort = read_sort(request, Sort.TOTAL)

    def answered(documents: Documents) -> web.Response:
        view = documents.view
        slot = read_slot(request, view.types)
        require_month(view, asked)
        month = asked or view.newest_month(slot)
        if month is None:
            return _rows(documents, [])
        known = view.customers(month)
        rows: list[CustomerRow] = []
        for name in islice(find(view, Selection(month, None, prefix, sort), slot), size):
            sums = known[name] if slot is None else only_slot(known[name], slot)
            money = _money(total_micros(sums), event_count(sums))
            rows.append({"customer": name, "month": month, **money, "status": view.status(month)})
        return _rows(documents, rows)

    return await answering(request, answered, at_once=False)


async def annotation_rows(request: web.Request) -> web.Response:
    """Answer with a row for each month that has ended."""

    def answered(documents: Documents) -> web.Response:
        context = documents.context
        found = marks(documents.view, context.calendar, context.settings.currency)
        rows: list[AnnotationRow] = [
            {
                "time": format_timestamp(mark.time_ms),
                "time_end": format_timestamp(mark.time_ms),
                "title": mark.title,
                "text": mark.text,
                "tags": list(mark.tags),
            }
            for mark in found
        ]
        return _rows(documents, rows)

    return await answering(request, answered)


def _asked(request: web.Request, documents: Documents) -> Asked:
    """Read the parameters as a panel's payload is read: both take several values in the same forms."""
    payload: dict[str, Any] = {}
    for name in ("month", "type", "customer"):
        values = request.query.getall(name, [])
        payload[name] = values if len(values) > 1 else next(iter(values), None)
    return Asked(documents.context, documents.view, "subtotals", payload)


def _by_customer(asked: Asked, wanted: list[str]) -> Iterator[SubtotalRow]:
    for month in wanted:
        for name, sums in asked.customers_of(month, asked.customers):
            for row in _by_type(asked, month, sums):
                yield {"customer": name, **row}


def _by_type(asked: Asked, month: str, sums: tuple[int, ...]) -> Iterator[TypeRow]:
    for slot in asked.slots:
        total, count = of_slot(sums, slot)
        if count:
            name = asked.view.types.names[slot]
            yield {"month": month, "type": name, **_money(total, count), "status": asked.view.status(month)}


def _money(micros: int, count: int) -> RowMoney:
    return {"total": format_micros(micros), "amount": micros_to_float(micros), "count": count}


def _range(request: web.Request) -> TimeRange:
    limits = []
    for name, default in (("from", 0), ("to", 10**14)):
        text = read_text(request, name)
        try:
            limits.append(default if text is None else read_time(text, name))
        except ProblemError:
            raise bad_parameter(name, f"{str(text)[:40]!r} is neither RFC 3339 nor milliseconds") from None
    return TimeRange(*limits)


def _rows(documents: Documents, rows: Iterable[Mapping[str, object]]) -> web.Response:
    return json_response(list(rows), headers=state_headers(documents))


ROUTES = (
    Route("GET", "/api/v1/subtotals", subtotals, "A row for each month and type, and customer if named.",
          (MONTHS, TYPES, CUSTOMERS), list[SubtotalRow], errors=(400, 422, 503)),
    Route("GET", "/api/v1/hours", hours, "A row for each hour and type.",
          (MONTH, TYPES, FROM, TO), list[HourRow], errors=(400, 422, 503)),
    Route("GET", "/api/v1/months", months, "A row for each month.", (), list[MonthRow]),
    Route("GET", "/api/v1/customers", customers, "A row for each customer of a month, highest first.",
          (MONTH, TYPE, PREFIX, SORT, limit(DEFAULT_LIMIT)), list[CustomerRow], errors=(400, 404, 503)),
    Route("GET", "/api/v1/annotations", annotation_rows, "A row for each month that has ended.", (),
          list[AnnotationRow]),
)  # fmt: skip
