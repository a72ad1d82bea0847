"""JSON in and out."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web


def dump(document: object) -> bytes:
    """Return a document as one line of JSON."""
    return orjson.dumps(document)


def json_response(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an answer with a JSON body."""
    return web.Response(body=dump(document), status=status, content_type="application/json", headers=headers)


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request's body. No body is an empty object, whatever its content type says.

    Raises:
        ValueError: the body is something else.
    """
    body = await request.read()
    if not body.strip():
        return {}
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the body is not a JSON object")
    return document
