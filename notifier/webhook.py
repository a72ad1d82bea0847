"""Sends one message to the receiver, and says what came of it. Whatever the receiver does, a try ends in time."""

import time
from importlib.metadata import version
from types import TracebackType
from typing import Self

import aiohttp

from billing.masking import masked_text
from notifier.outbox import Pending
from notifier.retrying import Failure, Outcome, parse_retry_after
from notifier.signing import Signer

_REASON_LENGTH = 200
_GONE = 410
_ASKS_TO_WAIT = (429, 503)


class WebhookSender:
    """Posts messages to one URL. Use it as an asynchronous context manager.

    A message counts as taken when the status is 2xx; the body of the answer is never read. Redirects are not followed:
    a secret says which receiver is meant.

    Args:
        url: of the receiver.
        ledger: the ledger's name, which ids are made from.
        signer: signs each try.
        try_seconds: how long a try may take, from connecting to the end of the answer's headers.
    """

    def __init__(self, url: str, ledger: str, signer: Signer, try_seconds: float) -> None:
        self._url, self._ledger, self._signer, self._try_seconds = url, ledger, signer, try_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._try_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": f"queryable-billing/{version('queryable-billing')}"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, pending: Pending) -> Outcome:
        """Try once."""
        body = pending.notification.body(self._ledger)
        headers = {
            "Content-Type": "application/json",
            **self._signer.headers(pending.id, int(time.time()), body),
        }
        assert self._session is not None
        try:
            answer = await self._session.post(self._url, data=body, headers=headers, allow_redirects=False)
        except TimeoutError:
            return Outcome(Failure.TIMEOUT, f"no answer within {self._try_seconds:g} seconds")
        # Whatever is answered instead of HTTP, and whatever the client makes of it, is the receiver's failure.
        except Exception as error:
            return Outcome(Failure.CONNECTION, _words(error))
        # The connection ends with the answer's headers: a body may be endless.
        answer.close()
        return _outcome(answer.status, answer.headers.get("Retry-After", ""))


def _outcome(status: int, retry_after: str) -> Outcome:
    if 200 <= status < 300:
        return Outcome(None)
    asked = parse_retry_after(retry_after, time.time()) if status in _ASKS_TO_WAIT else 0.0
    return Outcome(Failure.GONE if status == _GONE else Failure.STATUS, f"HTTP status {status}", asked)


def _words(error: Exception) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in f"{type(error).__name__}: {error}")
    return str(masked_text(text))[:_REASON_LENGTH]
