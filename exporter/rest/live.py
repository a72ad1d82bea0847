"""The documents of the page as live streams of server-sent events."""

import asyncio
import contextlib

from aiohttp import web

from billing.runtime.http_guard import exempt_stream
from exporter.rest.broadcast import BROADCAST, SHORTEST_SECONDS, Broadcast, CustomerWatched, OverviewWatched, Watched
from exporter.rest.customer_overview import CUSTOMER, read_customer
from exporter.web.access import may_still_see
from exporter.web.context import context_of
from exporter.web.middleware import common_headers
from exporter.web.parameters import MONTH, read_month
from exporter.web.problems import ProblemError
from exporter.web.routes import Need, Route

# Silence for longer means trouble.
LONGEST_SECONDS = 5.0
RETRY_MS = 2_000


async def stream(request: web.Request) -> web.StreamResponse:
    """Send the overview at once, then when it changes."""
    return await _send(request, OverviewWatched(read_month(request)))


async def customer_stream(request: web.Request) -> web.StreamResponse:
    """Send a customer's document at once, then when the customer's figures change."""
    return await _send(request, CustomerWatched(read_customer(request), read_month(request)))


async def _send(request: web.Request, what: Watched) -> web.StreamResponse:
    broadcast = request.config_dict[BROADCAST]
    with broadcast.watched(what):
        exempt_stream(request)
        response = _response(request)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError, ProblemError):
            await response.write(b"retry: %d\n\n" % RETRY_MS)
            await _send_all(request, response, what)
    return response


def _response(request: web.Request) -> web.StreamResponse:
    context = context_of(request)
    return web.StreamResponse(headers={
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        # Proxies must not gather events up.
        "X-Accel-Buffering": "no",
        **common_headers(context),
    })  # fmt: skip


async def _send_all(request: web.Request, response: web.StreamResponse, what: Watched) -> None:
    """Send documents: one with other figures at once, and one in the longest pause.

    It ends when the exporter stops, or with what allowed it.
    """
    clock, broadcast = asyncio.get_running_loop().time, request.config_dict[BROADCAST]
    told, due, checked = b"", 0.0, clock()
    while not broadcast.stopping.is_set():
        if clock() >= checked + LONGEST_SECONDS:
            if not await may_still_see(request):
                return
            checked = clock()
        seen, made = broadcast.version(), await broadcast.newest(what)
        if made.figures != told or clock() >= due:
            await response.write(b"event: %s\ndata: %s\n\n" % (what.event.encode(), made.body))
            told, due = made.figures, clock() + LONGEST_SECONDS
        await _until_changed(broadcast, seen, due)


async def _until_changed(broadcast: Broadcast, seen: int, due: float) -> None:
    """Wait for another version, at least the shortest pause and at most until a time of the loop."""
    loop = asyncio.get_running_loop()
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(broadcast.stopping.wait(), SHORTEST_SECONDS)
        if broadcast.stopping.is_set() or broadcast.version() != seen or loop.time() >= due:
            return


ROUTES = (
    Route("GET", "/api/v1/live", stream, "The overview as server-sent events: at once, then on each change.",
          (MONTH,), media_type="text/event-stream", head=False, errors=(400, 503)),
    Route("GET", "/api/v1/customer/live", customer_stream,
          "A customer's document as server-sent events: at once, then on each change of the customer's figures.",
          (CUSTOMER, MONTH), media_type="text/event-stream", head=False, errors=(400, 503), need=Need.OWN_QUERY),
)  # fmt: skip
