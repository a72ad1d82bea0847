"""The OpenAPI document, made from the table of routes and the schemas of the answers."""

import re
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from exporter.web.context import Context
from exporter.web.problems import ProblemError
from exporter.web.routes import JSON, TEXT, Need, Parameter, Route
from exporter.web.shapes import Problem, json_schemas

_PATTERN = re.compile(r"\{(\w+):[^}]*\}")
_ERRORS = {
    400: "A parameter or the body cannot be read.",
    401: "Nobody is known by these credentials, or none came.",
    403: "The credentials do not reach this, or it does not exist: both are told alike.",
    404: "There is no such thing.",
    405: "The path does not take this method.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not sent as application/json.",
    421: "The exporter is called by a name that is not its own.",
    422: "The query makes no sense as it stands.",
    429: "Too many credentials wait to be looked at; Retry-After says when to ask again.",
    500: "A bug.",
    503: "The numbers are not known; Retry-After says when to ask again.",
}

_SCHEMES = {
    "password": {"type": "http", "scheme": "basic", "description": "A user of the web configuration file."},
    "key": {"type": "http", "scheme": "bearer", "description": "A key of the keys file, or a token."},
}
# Where access is not controlled nothing is asked for, hence the empty one.
_SECURITY: tuple[dict[str, list[str]], ...] = ({}, {"key": []}, {"password": []})


def openapi_path(path: str) -> str:
    """Return an aiohttp path as OpenAPI writes it."""
    return _PATTERN.sub(r"{\1}", path)


def openapi(context: Context, routes: Iterable[Route]) -> dict[str, Any]:
    """Return the description of all routes."""
    paths: dict[str, dict[str, Any]] = {}
    told = tuple(routes)
    bodies, definitions = json_schemas([*(route.schema for route in told), Problem])
    for route, body in zip(told, bodies, strict=False):
        paths.setdefault(openapi_path(route.path), {})[route.method.lower()] = _operation(route, body)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Queryable Billing",
            "version": context.version,
            "description": "Monthly totals of billable events, exact and live. Money is a decimal string.",
        },
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": _SCHEMES},
    }


def _operation(route: Route, body: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.endpoint.__name__,
        "summary": route.summary,
        "description": f"Who may see it: {route.need.value}.",
        "security": [] if route.need is Need.OPEN else list(_SECURITY),
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {
            "200": _answer(route, body),
            **{str(status): _problem(status) for status in sorted({*route.errors, *route.refusals, 421})},
        },
    }
    if route.method == "POST":
        schema = {"type": "object"}
        operation["requestBody"] = {"required": False, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "path" if parameter.in_path else "query",
        "required": parameter.in_path,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _answer(route: Route, body: dict[str, Any]) -> dict[str, Any]:
    schema = body if route.media_type == JSON else dict(TEXT)
    return {"description": route.summary, "content": {route.media_type: {"schema": schema}}}


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": _ERRORS[status], "content": {"application/json": {"schema": schema}}}


def endpoint_of(document: web.AppKey[bytes]) -> Any:
    """Return the endpoint that answers with a document made beforehand."""

    async def openapi_document(request: web.Request) -> web.Response:
        """Answer with the OpenAPI document."""
        body = request.config_dict.get(document)
        if body is None:
            raise ProblemError(404, "not_found", "there is no description")
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-cache"})

    return openapi_document
