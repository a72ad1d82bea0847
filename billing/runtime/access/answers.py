"""What somebody is told who is not let in: one status, one sentence and one set of headers for all HTTP servers."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from billing.access.principal import Principal
from billing.runtime.access.gate import Gate, NotAuthenticatedError, TooManyAttemptsError


@dataclass(frozen=True)
class Refusal:
    """An answer to somebody who is not let in.

    Args:
        status: the HTTP status.
        code: what kind of error it is, for programs.
        message: the same in a sentence.
        headers: further headers.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str]


_NO_STORE = {"Cache-Control": "no-store", "Vary": "Authorization"}
_FORBIDDEN = Refusal(403, "forbidden", "what you have shown does not allow this", _NO_STORE)


def refusal_of(error: NotAuthenticatedError | TooManyAttemptsError) -> Refusal:
    """Return what whoever caused this error is told."""
    if isinstance(error, TooManyAttemptsError):
        headers = {**_NO_STORE, "Retry-After": str(error.retry_after_seconds)}
        return Refusal(429, "too_many_requests", str(error), headers)
    headers = {**_NO_STORE, "WWW-Authenticate": ", ".join(error.challenges)}
    return Refusal(401, "unauthorized", error.message, headers)


async def refusal_of_metrics(gate: Gate, request: web.Request) -> Refusal | None:
    """Return what whoever asks for metrics is told if they may not have them; None if they may."""
    try:
        who = await gate.principal(authorization_of(request), request.remote or "")
    except (NotAuthenticatedError, TooManyAttemptsError) as error:
        return refusal_of(error)
    return None if who.may_read_metrics else _FORBIDDEN


async def who_if_known(gate: Gate, request: web.Request) -> Principal | None:
    """Return who asks on a path that is open to everybody; None where they have not shown it."""
    try:
        return await gate.principal(authorization_of(request), request.remote or "")
    except (NotAuthenticatedError, TooManyAttemptsError):
        return None


async def may_be_told_why(gate: Gate, request: web.Request) -> bool:
    """Say whether whoever asks on an open path may be told more than everybody: what metrics tell, or all data."""
    who = await who_if_known(gate, request)
    return who is not None and (who.may_read_metrics or who.may_read_all)


def authorization_of(request: web.Request) -> str | None:
    """Return the header; None if there is none, or several, of which a proxy may have read another one."""
    sent = request.headers.getall("Authorization", [])
    return sent[0] if len(sent) == 1 else None
