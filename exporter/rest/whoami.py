"""Who asks: what a page or a program may do with the credentials that it has."""

from typing import Literal

from aiohttp import web
from typing_extensions import TypedDict

from exporter.web.access import principal_of
from exporter.web.context import context_of
from exporter.web.json_body import json_response
from exporter.web.routes import Need, Route
from exporter.web.shapes import closed


@closed
class WhoAmI(TypedDict):
    """Whoever asks, and what they may see."""

    name: str
    scopes: list[Literal["admin", "read", "metrics"]]
    customers: list[str]
    access_control: bool


async def whoami(request: web.Request) -> web.Response:
    """Answer with who asks; without access control that is anybody, who may see everything."""
    who = principal_of(request)
    body: WhoAmI = {
        "name": who.name,
        "scopes": sorted(scope.value for scope in who.scopes),
        "customers": sorted(who.customers),
        "access_control": context_of(request).gate.is_on,
    }
    return json_response(body, headers={"Cache-Control": "no-store"})


ROUTES = (
    Route("GET", "/whoami", whoami, "Who asks, and what they may see.", (), WhoAmI, errors=(400,), need=Need.KNOWN),
)
