"""How an answer with numbers is sent: with its state as ETag, so that asking again in vain is cheap."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aiohttp import web

from exporter.rest.documents import Documents
from exporter.web.context import context_of
from exporter.web.json_body import json_response

AS_OF_HEADER = "X-Billing-As-Of"

# Versions start anew with the process, so they are told apart by it.
_PROCESS = secrets.token_hex(4)


@contextmanager
def answering(request: web.Request) -> Iterator[Documents]:
    """Hold the model still and return what makes documents of it.

    Raises:
        NotKnownError: the numbers are not known.
        HTTPNotModified: whoever asks has the newest answer already.
    """
    context = context_of(request)
    with context.model.reading() as view:
        etag = etag_of(view.version)
        if etag in request.headers.get("If-None-Match", ""):
            raise web.HTTPNotModified(headers={"ETag": etag})
        yield Documents(context, view)


def etag_of(version: int) -> str:
    """Return the weak ETag of everything that a state tells."""
    return f'W/"{_PROCESS}-{version}"'


def state_headers(documents: Documents) -> dict[str, str]:
    """Return the headers of an answer that a state alone determines."""
    headers = {"ETag": etag_of(documents.view.version), "Cache-Control": "no-cache", "Vary": "Accept"}
    as_of = documents.as_of
    return headers if as_of is None else {**headers, AS_OF_HEADER: as_of}


def answer(documents: Documents, document: Mapping[str, object]) -> web.Response:
    """Return a document as the answer."""
    return json_response(document, headers=state_headers(documents))
