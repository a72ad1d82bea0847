"""The front door: a page to a browser, JSON to a program."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

from exporter.model.state import State
from exporter.rest.overview import is_simulated
from exporter.web.context import context_of
from exporter.web.json_body import json_response
from exporter.web.problems import ProblemError
from exporter.web.routes import Parameter, Route

_MEDIA_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "ico": "image/x-icon",
    "js": "text/javascript",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}
# The page loads nothing from elsewhere and runs nothing inline, nor may others frame it.
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Referrer-Policy": "same-origin",
}
_FALLBACK = "<!doctype html><title>Queryable Billing</title><p>The page is not installed; see /openapi.json."


def page_folder() -> Traversable:
    """Return the folder of the page's files."""
    return files("exporter") / "page"


async def front(request: web.Request) -> web.Response:
    """Answer with the page, or with what this is."""
    if "text/html" in request.headers.get("Accept", ""):
        return _page()
    context = context_of(request)
    settings = context.settings
    body = {
        "name": "queryable-billing",
        "version": context.version,
        "ready": context.model.state is State.READY,
        "standalone": context.standalone,
        "simulated": is_simulated(context),
        "currency": settings.currency,
        "time_zone": settings.time_zone,
        "links": {**context.links, "openapi": "/openapi.json", "metrics": "/metrics", "overview": "/api/v1/overview"},
    }
    return json_response(body, headers={"Cache-Control": "no-store", "Vary": "Accept"})


async def static(request: web.Request) -> web.Response:
    """Answer with a file of the page."""
    name = request.match_info["file"]
    parts = name.split("/")
    resource = page_folder()
    for part in parts:
        # No step may lead out of the folder, whatever a file system makes of the name.
        if part in ("", ".", "..") or "\\" in part or part.startswith("."):
            raise _no_file(name)
        resource = resource / part
    media_type = _MEDIA_TYPES.get(parts[-1].rpartition(".")[2])
    if media_type is None or not resource.is_file():
        raise _no_file(name)
    body = resource.read_bytes()
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"Cache-Control": "no-cache", "ETag": etag}
    if etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    charset = "utf-8" if media_type.startswith(("text/", "application/")) else None
    response = web.Response(body=body, content_type=media_type, charset=charset, headers=headers)
    if charset:
        response.enable_compression()
    return response


def _page() -> web.Response:
    index = page_folder() / "index.html"
    text = index.read_text("utf-8") if index.is_file() else _FALLBACK
    headers = {"Cache-Control": "no-cache", "Vary": "Accept", **_PAGE_HEADERS}
    return web.Response(text=text, content_type="text/html", headers=headers)


def _no_file(name: str) -> ProblemError:
    return ProblemError(404, "not_found", f"there is no file {name[:100]!r}")


ROUTES = (
    Route("GET", "/", front, "What this is; the page for people to a browser.", (), "Front", strict=False, errors=()),
    Route("GET", "/static/{file:.+}", static, "The page's files.",
          (Parameter("file", "its path", in_path=True),), "application/octet-stream", strict=False, errors=(404,)),
)  # fmt: skip
