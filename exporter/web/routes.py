"""Routes as a table: what the application serves, and what the OpenAPI document and docs/api.md tell, is one thing."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiohttp import web

from exporter.web.problems import bad_parameter

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]
Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
JSON = "application/json"

_NAME_IN_PATH = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Parameter:
    """A query or path parameter: its name, what it means, and its JSON schema."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: dict(TEXT))
    in_path: bool = False


class Need(Enum):
    """What whoever asks must be allowed to see; the value says it in the OpenAPI document."""

    OPEN = "anybody"
    """It holds nothing of anybody."""

    PAGE = "a browser: anybody; a program: every customer's numbers"
    """The page itself holds no data; to a program the same path tells what this deployment is."""

    KNOWN = "whoever has shown who they are"
    """It tells them about themselves alone."""

    METRICS = "metrics"
    """It is for Prometheus."""

    OWN_PATH = "the numbers of the customer in the path"
    """It holds nothing of any other."""

    OWN_QUERY = "the numbers of the customer in the query"
    """With the parameter `customer` it holds nothing of any other."""

    ALL = "every customer's numbers"
    """It is about more than one customer."""


@dataclass(frozen=True)
class Route:
    """One method of one path.

    Args:
        method: GET or POST.
        path: in aiohttp's notation.
        endpoint: what answers.
        summary: what it is for, in one sentence.
        parameters: all that it takes; a query parameter that is none of them is a 400 if `strict`.
        schema: the type of a 200's body, if that is JSON.
        media_type: of a 200's body.
        head: whether HEAD is served too; not where the answer has no end.
        strict: whether query parameters are checked.
        errors: the statuses of the errors that this route can answer with, besides those of access, 421 and 500.
        need: what whoever asks must be allowed to see.
        challenges: whether who has not shown who they are is answered 401, which asks for it, or else 403.
    """

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    parameters: tuple[Parameter, ...] = ()
    schema: Any = dict[str, Any]
    media_type: str = JSON
    head: bool = True
    strict: bool = True
    errors: tuple[int, ...] = (400, 503)
    need: Need = Need.ALL
    challenges: bool = True

    @property
    def refusals(self) -> tuple[int, ...]:
        """The statuses of the errors of those who may not see it, or of whom that is not known yet."""
        if self.need is Need.OPEN:
            return ()
        if self.need is Need.KNOWN:
            return (401, 429)
        return (401, 403, 429) if self.challenges else (403, 429)

    @property
    def query_names(self) -> frozenset[str]:
        """The query parameters that it takes."""
        return frozenset(parameter.name for parameter in self.parameters if not parameter.in_path)


# By aiohttp's route, which a request finds.
SERVED = web.AppKey("served", dict[web.AbstractRoute, Route])


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Let an application serve routes, with and without a slash at the end."""
    served = app[SERVED] = {}
    for route in routes:
        endpoint = _checked(route) if route.strict else route.endpoint
        # The router's own pattern of a name leaves out names with braces, and customers may have them.
        pattern = _NAME_IN_PATH.sub(r"{\1:[^/]+}", route.path)
        for path in {pattern, pattern.rstrip("/") + "/"}:
            for method in _methods(route):
                served[app.router.add_route(method, path, endpoint)] = route


def route_of(request: web.Request) -> Route | None:
    """Return the route that answers a request, None if there is none."""
    return request.app[SERVED].get(request.match_info.route)


def _methods(route: Route) -> tuple[str, ...]:
    return ("HEAD", "GET") if route.method == "GET" and route.head else (route.method,)


def _checked(route: Route) -> Endpoint:
    """Refuse parameters that the route does not take: a misspelt month would quietly get another month's numbers."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        for name in request.query:
            if name not in route.query_names:
                takes = ", ".join(sorted(route.query_names)) or "none"
                raise bad_parameter(name[:40], f"is no parameter of {route.path}; it takes {takes}")
        return await route.endpoint(request)

    return endpoint
