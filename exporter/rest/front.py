"""The front door: the page to a browser, JSON to a program."""

from aiohttp import web

from exporter.model.state import State
from exporter.rest.facts import facts
from exporter.rest.overview_shapes import Front
from exporter.rest.page import page_response
from exporter.web.context import context_of
from exporter.web.json_body import json_response
from exporter.web.negotiation import wants_page
from exporter.web.routes import Need, Route


async def front(request: web.Request) -> web.Response:
    """Answer with the page, or with what this is."""
    if wants_page(request.headers.get("Accept", "")):
        return page_response()
    context = context_of(request)
    body: Front = {
        "name": "queryable-billing",
        "version": context.version,
        "ready": context.model.state is State.READY,
        **facts(context),
        "links": {**context.links, "openapi": "/openapi.json", "metrics": "/metrics", "overview": "/api/v1/overview"},
    }
    return json_response(body, headers={"Cache-Control": "no-store", "Vary": "Accept"})


ROUTES = (
    Route("GET", "/", front, "What this is; the page for people to a browser.", (), Front, strict=False, errors=(),
          need=Need.PAGE, challenges=False),
)  # fmt: skip
