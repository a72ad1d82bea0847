"""What happens around every request: errors get their shape, answers their headers, and are timed."""

import socket
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache

from aiohttp import hdrs, web

from billing.access.hosts import is_own_host
from billing.runtime.logs import get_logger
from exporter.model.state import NotKnownError
from exporter.web.access import may_read_all
from exporter.web.context import Context, context_of
from exporter.web.problems import ProblemError, not_known, problem_response

logger = get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STANDALONE_HEADER = "X-Billing-Standalone"
COMMON_HEADERS = web.AppKey("common_headers", dict[str, str])
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Time each answer by its route, method and code."""
    started = time.perf_counter()
    response = await handler(request)
    route = pattern_of(request)
    method = request.method if request.method in _METHODS else "other"
    seconds = time.perf_counter() - started
    # A stream lasts as long as somebody watches: that is no time to answer.
    if isinstance(response, web.Response) or response.content_type != "text/event-stream":
        context_of(request).own.observe_request(route, method, response.status, seconds)
    logger.debug("request", method=request.method, path=request.path, status=response.status, seconds=round(seconds, 4))
    return response


@web.middleware
async def shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every error the one shape, and tell nobody but the log about a bug."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem_response(problem)
    except NotKnownError as error:
        return problem_response(not_known(error, says_why=await may_read_all(request)))
    except web.HTTPException as error:
        if error.status < 400:
            return web.Response(status=error.status, headers=error.headers)
        return problem_response(_from_http(request, error))
    except Exception:
        logger.exception("request failed", method=request.method, path=request.path)
        return problem_response(ProblemError(500, "internal", "something went wrong here; the log has the details"))


@web.middleware
async def check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request that calls this by a name that is not its own.

    A web page elsewhere can give its own name the address of this machine, and would then read the answers as if they
    were its own (DNS rebinding). It cannot do so with an address, nor with a name that is not its own.
    """
    settings = context_of(request).settings
    # What browsers always send; request.host would ask the name server where there is none.
    host = request.headers.get("Host", "localhost")
    if not is_allowed_host(host, settings.allowed_hosts, settings.exporter_host):
        raise ProblemError(
            421,
            "wrong_host",
            f"this is not {host[:100]!r}; set allowed_hosts to its names",
        )
    return await handler(request)


@lru_cache(maxsize=64)
def is_allowed_host(host: str, allowed: tuple[str, ...], listening: str) -> bool:
    """Say whether a Host header names this server.

    Args:
        host: the header: a name or an address, with or without a port.
        allowed: further names; ``*`` allows all.
        listening: what the server listens on.
    """
    return is_own_host(host, (socket.gethostname(), listening, *allowed))


@web.middleware
async def add_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Mark made-up data, and answer browsers of the one origin that is allowed to call from elsewhere."""
    preflight = request.method == hdrs.METH_OPTIONS and request.match_info.http_exception is not None
    if preflight and getattr(request.match_info.http_exception, "status", 0) == 405:
        response: web.StreamResponse = _options(request)
    else:
        response = await handler(request)
    if response.prepared:
        return response
    response.headers.update(request.app[COMMON_HEADERS])
    return response


def common_headers(context: Context) -> dict[str, str]:
    """Return the headers that every answer has: nothing of them changes while the exporter runs."""
    headers = {"X-Content-Type-Options": "nosniff", "Server": "queryable-billing"}
    if context.standalone:
        headers[STANDALONE_HEADER] = "true"
    if context.settings.cors_origin:
        headers["Access-Control-Allow-Origin"] = context.settings.cors_origin
        headers["Access-Control-Allow-Credentials"] = "true"
    return headers


def pattern_of(request: web.Request) -> str:
    """Return the route's pattern, never the path itself: anybody may ask for any path."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical.removesuffix("/") or "/"


def _options(request: web.Request) -> web.Response:
    error = request.match_info.http_exception
    assert isinstance(error, web.HTTPMethodNotAllowed)
    allowed = ", ".join(sorted({*error.allowed_methods, hdrs.METH_OPTIONS}))
    headers = {"Allow": allowed}
    if context_of(request).settings.cors_origin:
        headers |= {
            "Access-Control-Allow-Methods": allowed,
            "Access-Control-Allow-Headers": "accept, content-type, authorization",
            "Access-Control-Max-Age": "600",
        }
    return web.Response(status=204, headers=headers)


def _from_http(request: web.Request, error: web.HTTPException) -> ProblemError:
    code = _CODES.get(error.status, "bad_request" if error.status < 500 else "internal")
    headers: dict[str, str] = {}
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.path} does not take {request.method}; it takes {allowed}"
        headers["Allow"] = allowed
    elif error.status == 404:
        message = f"there is nothing at {request.path}; GET /openapi.json lists what there is"
    elif isinstance(error, web.HTTPRequestEntityTooLarge):
        message = f"the body is larger than {request.client_max_size} bytes"
    else:
        message = error.reason
    return ProblemError(error.status, code, message, headers=headers)
