"""The events that a customer's month is made of, page by page, read from the input while somebody waits."""

from collections.abc import Callable, Sequence

from aiohttp import web

from billing.listed_marks import marked_among
from billing.listed_record import Listed
from billing.money import format_micros
from billing.sums import event_count, of_slot, total_micros
from exporter.model.input_pages import InputPage, InputPages, InputUnavailableError, PageAsked
from exporter.model.view import View
from exporter.rest.documents import timestamp
from exporter.rest.events_cursor import EventsCursor, decode, encode, first
from exporter.rest.sealed import SEAL, Seal
from exporter.rest.shapes import Event, Events, EventSum
from exporter.web.access import principal_of
from exporter.web.context import context_of
from exporter.web.json_body import json_response
from exporter.web.parameters import (
    CURSOR,
    CUSTOMER_IN_PATH,
    MONTH,
    TYPE,
    limit,
    read_limit,
    read_month,
    read_slot,
    read_text,
)
from exporter.web.problems import ProblemError, bad_parameter
from exporter.web.routes import Need, Route
from exporter.web.workers import Workers, ask

DEFAULT_LIMIT = 100
# Of the input, as a customer is told how much of it is read.
_PARTS = 1_000
# Each reads the input for some seconds.
_THREADS = 2

READERS = web.AppKey("input_readers", Workers)


def make_readers() -> Workers:
    """Return the threads that read pages: others wait for them, so that few read at once."""
    return Workers("input-pages", _THREADS)


async def customer_events(request: web.Request) -> web.Response:
    """Answer with a page of a customer's events."""
    customer, size = request.match_info["customer"], read_limit(request, DEFAULT_LIMIT)
    place = await ask(request, lambda view: _place(request, view, customer))
    pages = context_of(request).input_pages
    if pages is None:
        raise ProblemError(404, "no_input", "the data is made up: there are no events behind the totals")
    asked = PageAsked(
        customer, place.month, place.type, dict(enumerate(place.offsets)), dict(enumerate(place.ends)), size
    )
    page = await request.app[READERS].run(_reading(pages, asked))
    document = _document(customer, place.after(page.listed, page.offsets), page.listed)
    if not principal_of(request).may_read_all:
        document = _of_a_customer(document, request.app[SEAL])
    return json_response(document, headers={"Cache-Control": "no-store"})


def _reading(pages: InputPages, asked: PageAsked) -> Callable[[], InputPage]:
    def read() -> InputPage:
        try:
            return pages.read(asked)
        except InputUnavailableError as error:
            raise ProblemError(503, "input_unavailable", str(error), headers={"Retry-After": "5"}) from error

    return read


def _place(request: web.Request, view: View, customer: str) -> EventsCursor:
    """Return where the page begins: where the cursor says, or at the beginning of the input."""
    text, slot, month = _cursor(request, customer), read_slot(request, view.types), read_month(request)
    type_ = "" if slot is None else view.types.names[slot]
    if text is not None:
        return _same(decode(text), month, type_)
    if month is None:
        month, sums = view.newest_of(customer) or ("", None)
    else:
        sums = view.customer(customer, month)
    if sums is None:
        when = f" in {month}" if month else ""
        raise ProblemError(404, "unknown_customer", f"customer {customer[:200]!r} has no events{when}")
    told = (total_micros(sums), event_count(sums)) if slot is None else of_slot(sums, slot)
    return first(month, type_, view.next_offsets(), told)


def _cursor(request: web.Request, customer: str) -> str | None:
    text = read_text(request, "cursor")
    if text is None or principal_of(request).may_read_all:
        return text
    return request.app[SEAL].open(customer, text)


def _same(place: EventsCursor, month: str | None, type_: str) -> EventsCursor:
    for name, asked, told in (("month", month, place.month), ("type", type_, place.type)):
        if asked and asked != told:
            raise bad_parameter(name, f"is {asked!r}, but the cursor is of a list with {told!r}")
    return place


def _document(customer: str, place: EventsCursor, listed: Sequence[Listed]) -> Events:
    return {
        "customer": customer,
        "month": place.month,
        "type": place.type or None,
        "events": [_event(one) for one in marked_among(listed)],
        "next": None if place.is_done else encode(place),
        "read": {"records": place.read, "of": sum(place.ends)},
        "told": _sum(place.told),
        "found": _sum(place.found),
        "is_it": place.told == place.found if place.is_done else None,
    }


def _of_a_customer(document: Events, seal: Seal) -> Events:
    """Leave out how many records there are, and where among them the customer's are: most are of others."""
    read, following = document["read"], document["next"]
    return {
        **document,
        "events": [{**one, "partition": None, "offset": None, "taken_offset": None} for one in document["events"]],
        "next": None if following is None else seal.close(document["customer"], following),
        "read": {"records": read["records"] * _PARTS // read["of"] if read["of"] else _PARTS, "of": _PARTS},
    }


def _event(one: Listed) -> Event:
    return {
        "partition": one.partition,
        "offset": one.offset,
        "time": timestamp(one.timestamp_ms),
        "month": one.month or None,
        "amount": None if one.amount_micros is None else format_micros(one.amount_micros),
        "type": one.type or None,
        "id": one.id or None,
        "fate": one.fate,
        "reason": one.reason or None,
        "taken_offset": one.taken_offset if one.taken_offset >= 0 else None,
    }


def _sum(amount: tuple[int, int]) -> EventSum:
    micros, count = amount
    return {"total": format_micros(micros), "count": count}


ROUTES = (
    Route(
        "GET", "/customers/{customer}/events", customer_events, "The events that a customer's month is made of.",
        (CUSTOMER_IN_PATH, MONTH, TYPE, limit(DEFAULT_LIMIT), CURSOR), Events, errors=(400, 404, 503),
        need=Need.OWN_PATH,
    ),
)  # fmt: skip
