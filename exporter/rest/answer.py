"""How an answer with numbers is sent: with its state as ETag, so that asking again in vain is cheap."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache

from aiohttp import web

from billing.runtime.http_repeats import ROUTE, STATE
from exporter.model.view import View
from exporter.rest.answers import ANSWERS
from exporter.rest.documents import Documents
from exporter.web.context import context_of
from exporter.web.json_body import json_response
from exporter.web.middleware import pattern_of
from exporter.web.workers import ask

AS_OF_HEADER = "X-Billing-As-Of"

# Versions start anew with the process, so they are told apart by it; how many there were, they do not tell.
_PROCESS = secrets.token_bytes(16)


async def answering(
    request: web.Request, make: Callable[[Documents], web.Response], at_once: bool = True
) -> web.Response:
    """Return the answer that `make` makes of the documents of one state.

    Args:
        request: what is answered.
        make: it must not wait for anything.
        at_once: whether it takes some milliseconds at most, see :meth:`exporter.web.workers.Pool.ask`.

    Raises:
        NotKnownError: the numbers are not known.
        HTTPNotModified: whoever asks has the newest answer already.
        ProblemError: too many questions wait, or as `make` says.
    """
    context, known = context_of(request), request.headers.get("If-None-Match", "")

    def question(view: View) -> web.Response:
        etag = etag_of(view.version)
        if etag in known:
            raise web.HTTPNotModified(headers=_kept(etag))
        return make(Documents(context, view))

    return await ask(request, question, at_once)


async def answering_again(request: web.Request, make: Callable[[Documents], web.Response]) -> web.Response:
    """Do the same with an answer that many ask for and that follows from the path and the state alone.

    While nothing has changed, it is not made again, and nobody waits for the model. Who asks the same to the byte may
    get it before anything is read of the request.
    """
    asked, answers = request.rel_url.raw_path_qs, request.app[ANSWERS]
    version = context_of(request).model.shown_version
    if etag_of(version) not in request.headers.get("If-None-Match", ""):
        found = answers.find(asked, version)
        if found is not None:
            _may_come_again(request, version)
            return found
    told: list[int] = []

    def made(documents: Documents) -> web.Response:
        told.append(documents.view.version)
        return make(documents)

    response = await answering(request, made)
    answers.remember(asked, told[-1], response)
    _may_come_again(request, told[-1])
    return response


def _may_come_again(request: web.Request, version: int) -> None:
    """Say that whoever asks the same, to the byte, of this version gets the same answer."""
    request[STATE], request[ROUTE] = version, pattern_of(request)


@lru_cache(maxsize=8)
def etag_of(version: int) -> str:
    """Return the weak ETag of everything that a state tells."""
    return f'W/"{hashlib.blake2b(version.to_bytes(8, signed=True), key=_PROCESS, digest_size=12).hexdigest()}"'


def _kept(etag: str) -> dict[str, str]:
    """Return what caches are told: they may keep it, and have to ask whether it is still true."""
    return {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"}


def state_headers(documents: Documents) -> dict[str, str]:
    """Return the headers of an answer that a state alone determines."""
    headers = _kept(etag_of(documents.view.version))
    as_of = documents.as_of
    return headers if as_of is None else {**headers, AS_OF_HEADER: as_of}


def answer(documents: Documents, document: Mapping[str, object]) -> web.Response:
    """Return a document as the answer."""
    return json_response(document, headers=state_headers(documents))
