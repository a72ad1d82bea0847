"""JSON in: the bodies of requests."""

import asyncio
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from exporter.web.problems import ProblemError

# How long a body may take to arrive.
BODY_SECONDS = 10.0


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request's body; no body is an empty object.

    A body must be sent as ``application/json``: a web page can send other types anywhere, without asking first.

    Raises:
        ValueError: the body is something else.
        ProblemError: it is sent as another type, or does not come to its end in time.
    """
    try:
        body = await asyncio.wait_for(request.read(), BODY_SECONDS)
    except TimeoutError:
        raise ProblemError(408, "timeout", f"the body did not arrive in {BODY_SECONDS:.0f} seconds") from None
    except (web.RequestPayloadError, ContentEncodingError) as error:
        raise ValueError(f"it cannot be read: {error}") from None
    if not body.strip():
        return {}
    if request.content_type != "application/json":
        raise ProblemError(415, "bad_media_type", f"the body is {request.content_type}; send it as application/json")
    document = orjson.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the body is not a JSON object")
    return document
