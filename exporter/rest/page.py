"""The page for people: its files."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

from exporter.web.problems import ProblemError
from exporter.web.routes import Need, Parameter, Route

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
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Referrer-Policy": "same-origin",
}
# Longer than any file of the page is called; file systems refuse names of more than 255 bytes.
_MAX_NAME = 100
_FALLBACK = "<!doctype html><title>Queryable Billing</title><p>The page is not installed; see /openapi.json."


def page_folder() -> Traversable:
    """Return the folder of the page's files."""
    return files("exporter") / "page"


def page_response() -> web.Response:
    """Return the page itself."""
    index = page_folder() / "index.html"
    text = index.read_text("utf-8") if index.is_file() else _FALLBACK
    headers = {"Cache-Control": "no-cache", "Vary": "Accept", **PAGE_HEADERS}
    return web.Response(text=text, content_type="text/html", headers=headers)


async def static(request: web.Request) -> web.Response:
    """Answer with a file of the page."""
    name = request.match_info["file"]
    if len(name) > _MAX_NAME or "\0" in name:
        raise _no_file(name)
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


def _no_file(name: str) -> ProblemError:
    return ProblemError(404, "not_found", f"there is no file {name[:100]!r}")


ROUTES = (
    Route("GET", "/static/{file:.+}", static, "The page's files.",
          (Parameter("file", "its path", in_path=True),), media_type="application/octet-stream",
          strict=False, errors=(404,), need=Need.OPEN),
)  # fmt: skip
