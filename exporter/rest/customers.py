"""One customer's month, and lists of customers: top-N, search, pages, CSV."""

from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import urlencode

from aiohttp import web

from billing.sums import Sums, event_count
from exporter.model.figures import only_slot
from exporter.model.view import Sort, View, measure_of
from exporter.rest.answer import answer, answering, answering_again, state_headers
from exporter.rest.csv_body import csv_bytes, wants_csv
from exporter.rest.cursor import Cursor, Selection, decode, encode
from exporter.rest.documents import Documents, require_month
from exporter.rest.shapes import Customer, Customers
from exporter.web.parameters import (
    CURSOR,
    CUSTOMER_IN_PATH,
    FORMAT,
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
from exporter.web.routes import Need, Route

DEFAULT_LIMIT = 100


async def one_customer(request: web.Request) -> web.Response:
    """Answer with one customer's month."""
    customer, asked = request.match_info["customer"], read_month(request)

    def answered(documents: Documents) -> web.Response:
        if asked is None:
            month, sums = documents.view.newest_of(customer) or ("", None)
        else:
            month, sums = asked, documents.view.customer(customer, asked)
        if sums is None:
            when = f" in {month}" if month else ""
            raise ProblemError(404, "unknown_customer", f"customer {customer[:200]!r} has no events{when}")
        return answer(documents, documents.customer(customer, month, sums))

    return await answering_again(request, answered)


async def list_customers(request: web.Request) -> web.Response:
    """Answer with a page of customers."""
    size, as_csv, cursor_text = read_limit(request, DEFAULT_LIMIT), wants_csv(request), read_text(request, "cursor")

    def answered(documents: Documents) -> web.Response:
        view = documents.view
        cursor = decode(cursor_text) if cursor_text else None
        selection = _selection(request, view, cursor)
        if selection is None:
            return _respond(request, documents, [], None, None, as_csv)
        slot = None if selection.type is None else view.types.slot(selection.type)
        names = list(islice(find(view, selection, slot, cursor), size + 1))
        customers = view.customers(selection.month)
        page = [(name, _counted(customers[name], slot)) for name in names[:size]]
        following = _next(selection, slot, page) if len(names) > size else None
        rows = [documents.customer(name, selection.month, sums) for name, sums in page]
        return _respond(request, documents, rows, selection.month, following, as_csv)

    return await answering(request, answered, at_once=size <= DEFAULT_LIMIT)


def find(view: View, selection: Selection, slot: int | None, cursor: Cursor | None = None) -> Iterator[str]:
    """Yield the customers of a selection in its order, after the place of a cursor."""
    if selection.sort is Sort.CUSTOMER:
        return _by_name(view, selection, slot, cursor.customer if cursor else "")
    place = (cursor.value, cursor.customer) if cursor else None
    if not selection.prefix:
        return view.ranked(selection.month, selection.sort, slot, place)
    return _best_of_prefix(view, selection, slot, place)


def _by_name(view: View, selection: Selection, slot: int | None, after: str) -> Iterator[str]:
    customers = view.customers(selection.month)
    if slot is not None:
        view.expect(len(customers))
    names = view.named(selection.prefix, selection.month, after)
    return (name for name in names if slot is None or event_count(only_slot(customers[name], slot)))


def _best_of_prefix(view: View, selection: Selection, slot: int | None, place: tuple[int, str] | None) -> Iterator[str]:
    """Sort those with the prefix alone: they are few compared with all."""
    customers = view.customers(selection.month)
    view.expect(len(customers))
    measure = measure_of(selection.sort, slot)
    values = ((measure(customers[name]), name) for name in view.named(selection.prefix, selection.month))
    entries = sorted((-value, name) for value, name in values if value is not None)
    start = None if place is None else (-place[0], place[1])
    return (name for value, name in entries if start is None or (value, name) > start)


def _selection(request: web.Request, view: View, cursor: Cursor | None) -> Selection | None:
    """Return what is asked for; None if there is nothing at all yet.

    Raises:
        ProblemError: a parameter contradicts the cursor, or the month has no events.
    """
    slot, prefix = read_slot(request, view.types), read_prefix(request)
    asked = read_month(request)
    if cursor is not None:
        _check_same(request, cursor.selection, slot, view)
        return cursor.selection
    month = asked or view.newest_month(slot)
    require_month(view, asked)
    if month is None:
        return None
    sort = read_sort(request, Sort.CUSTOMER if prefix else Sort.TOTAL)
    return Selection(month, None if slot is None else view.types.names[slot], prefix, sort)


def _check_same(request: web.Request, selection: Selection, slot: int | None, view: View) -> None:
    asked = {
        "month": read_month(request),
        "type": None if slot is None else view.types.names[slot],
        "prefix": read_prefix(request) or None,
        "sort": read_sort(request, selection.sort),
    }
    if selection.type is not None and view.types.slot(selection.type) is None:
        raise bad_parameter("cursor", "is not the `next` of a page")
    for name, value in asked.items():
        if value is not None and value != getattr(selection, name):
            raise bad_parameter(name, f"is {value!r}, but the cursor is of a list with {getattr(selection, name)!r}")


def _counted(sums: Sums, slot: int | None) -> Sums:
    return sums if slot is None else only_slot(sums, slot)


def _next(selection: Selection, slot: int | None, page: list[tuple[str, Sums]]) -> str:
    name, sums = page[-1]
    return encode(Cursor(selection, measure_of(selection.sort, slot)(sums) or 0, name))


def _respond(
    request: web.Request,
    documents: Documents,
    rows: Sequence[Customer],
    month: str | None,
    following: str | None,
    as_csv: bool,
) -> web.Response:
    if not as_csv:
        return answer(documents, Customers(customers=list(rows), next=following, month=month, as_of=documents.as_of))
    money = ("total", "totalEur", "currency") if documents.context.settings.currency == "EUR" else ("total", "currency")
    columns = ("customer", "month", *money, "count", "status")
    headers = {**state_headers(documents), "Content-Disposition": 'inline; filename="customers.csv"'}
    if following:
        query = {**request.query, "cursor": following}
        headers["Link"] = f'<{request.path}?{urlencode(query)}>; rel="next"'
    body = csv_bytes(columns, rows, names=("customer",))
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)


ROUTES = (
    Route(
        "GET", "/customers", list_customers, "Customers of a month: the highest, or by their names.",
        (MONTH, TYPE, PREFIX, SORT, limit(DEFAULT_LIMIT), CURSOR, FORMAT), Customers, errors=(400, 404, 503),
    ),
    Route(
        "GET", "/customers/{customer}", one_customer, "One customer's month.",
        (CUSTOMER_IN_PATH, MONTH), Customer, errors=(400, 404, 503), need=Need.OWN_PATH,
    ),
)  # fmt: skip
