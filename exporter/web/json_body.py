"""JSON out."""

from collections.abc import Mapping

import orjson
from aiohttp import web


def dump(document: object) -> bytes:
    """Return a document as one line of JSON."""
    return orjson.dumps(document)


def json_response(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer with a JSON body."""
    return web.Response(body=dump(document), status=status, content_type="application/json", headers=headers)
