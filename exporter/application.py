"""The application: routes, middleware and the life of the feeds, put together in one place."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from aiohttp import web

from billing.runtime.http_guard import watched
from exporter.datasource.routes import ROUTES as DATASOURCE
from exporter.metrics.endpoint import ROUTES as METRICS
from exporter.metrics.endpoint import install as install_metrics
from exporter.rest.answers import ANSWERS, Answers
from exporter.rest.broadcast import BROADCAST, Broadcast
from exporter.rest.budgets import ROUTES as BUDGETS
from exporter.rest.customer_overview import ROUTES as CUSTOMER
from exporter.rest.customers import ROUTES as CUSTOMERS
from exporter.rest.events import READERS, make_readers
from exporter.rest.events import ROUTES as EVENTS
from exporter.rest.front import ROUTES as FRONT
from exporter.rest.invoices import ROUTES as INVOICES
from exporter.rest.live import ROUTES as LIVE
from exporter.rest.months import ROUTES as MONTHS
from exporter.rest.overview import ROUTES as OVERVIEW
from exporter.rest.page import ROUTES as PAGE
from exporter.rest.rows import ROUTES as ROWS
from exporter.rest.runbook import ROUTES as RUNBOOK
from exporter.rest.sealed import SEAL, Seal
from exporter.rest.types import ROUTES as TYPES
from exporter.rest.whoami import ROUTES as WHOAMI
from exporter.web.access import check_access, vary_by_who_asks
from exporter.web.context import CONTEXT, Context
from exporter.web.health import ROUTES as HEALTH
from exporter.web.json_body import dump
from exporter.web.middleware import COMMON_HEADERS, add_headers, check_host, common_headers, measure, shape_errors
from exporter.web.openapi import endpoint_of, openapi
from exporter.web.routes import Need, Route, add_routes
from exporter.web.workers import POOL, Pool

MAX_BODY_BYTES = 1024 * 1024

OPENAPI = web.AppKey("openapi", bytes)

ROUTES: tuple[Route, ...] = (
    *FRONT, *PAGE, *RUNBOOK,
    *WHOAMI, *CUSTOMER, *CUSTOMERS, *BUDGETS, *EVENTS, *TYPES, *MONTHS, *INVOICES, *OVERVIEW, *LIVE, *ROWS,
    *DATASOURCE, *METRICS, *HEALTH,
    Route("GET", "/openapi.json", endpoint_of(OPENAPI), "This description.", strict=False, errors=(), need=Need.OPEN),
)  # fmt: skip

Resource = Callable[[web.Application], AsyncIterator[None]]


def create_app(context: Context, resources: Iterable[Resource] = ()) -> web.Application:
    """Return the application.

    Args:
        context: what its endpoints work with.
        resources: what is opened when it starts and closed when it stops, in the reverse order.
    """
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[watched, measure, add_headers, shape_errors, check_access, check_host],
    )
    app[CONTEXT] = context
    app[COMMON_HEADERS] = common_headers(context)
    app[POOL] = Pool()
    app[READERS] = make_readers()
    app[BROADCAST] = Broadcast(context, app[POOL].soon)
    app[ANSWERS] = Answers()
    app[SEAL] = Seal()
    app[OPENAPI] = dump(openapi(context, ROUTES))
    install_metrics(app, context)
    add_routes(app, ROUTES)
    app.cleanup_ctx.extend(resources)
    app.on_response_prepare.append(vary_by_who_asks)
    app.on_shutdown.append(_end_streams)
    app.on_cleanup.append(_end_pool)
    return app


async def _end_streams(app: web.Application) -> None:
    """End the live streams, which would otherwise keep the server from stopping."""
    app[BROADCAST].stopping.set()


async def _end_pool(app: web.Application) -> None:
    await asyncio.to_thread(app[POOL].stop)
    await asyncio.to_thread(app[READERS].stop)
