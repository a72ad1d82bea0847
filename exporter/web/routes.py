"""Routes as a table: what the application serves, and what the OpenAPI document and docs/api.md tell, is one thing."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
        errors: the statuses of the errors that this route can answer with, besides 421 and 500.
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

    @property
    def query_names(self) -> frozenset[str]:
        """The query parameters that it takes."""
        return frozenset(parameter.name for parameter in self.parameters if not parameter.in_path)


def add_routes(app: web.Application, routes: Iterable[Route]) -> None:
    """Let an application serve routes, with and without a slash at the end."""
    for route in routes:
        endpoint = _checked(route) if route.strict else route.endpoint
        # The router's own pattern of a name leaves out names with braces, and customers may have them.
        pattern = _NAME_IN_PATH.sub(r"{\1:[^/]+}", route.path)
        for path in {pattern, pattern.rstrip("/") + "/"}:
            if route.method == "GET":
                app.router.add_get(path, endpoint, allow_head=route.head)
            else:
                app.router.add_route(route.method, path, endpoint)


def _checked(route: Route) -> Endpoint:
    """Refuse parameters that the route does not take: a misspelt month would quietly get another month's numbers."""

    async def endpoint(request: web.Request) -> web.StreamResponse:
        for name in request.query:
            if name not in route.query_names:
                takes = ", ".join(sorted(route.query_names)) or "none"
                raise bad_parameter(name[:40], f"is no parameter of {route.path}; it takes {takes}")
        return await route.endpoint(request)

    return endpoint
