"""Takes a connection with TLS, and hands it on to the protocol that answers requests.

A server of asyncio's own would count a connection only after its handshake and keep to one certificate for good. This
one counts it from the first moment, and takes each with what is in use then.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

from billing.runtime.logs import get_logger

logger = get_logger(__name__)

HANDSHAKE_SECONDS = 15.0


class Guard(Protocol):
    """Counts the connections that are open."""

    def opened(self, handler: "TlsGreeting") -> None:
        """Take a new connection in; another one may be closed for it."""

    def closed(self, handler: "TlsGreeting") -> None:
        """Forget a connection."""


class TlsGreeting(asyncio.Protocol):
    """One connection up to the end of its handshake.

    Args:
        context: what TLS is spoken with.
        make_handler: makes the protocol that answers requests.
        guard: counts the connection.
        loop: the event loop.
    """

    busy_since: float | None = None
    is_stream = False

    def __init__(
        self,
        context: ssl.SSLContext,
        make_handler: Callable[[], asyncio.Protocol],
        guard: Guard,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.idle_since = loop.time()
        self._context = context
        self._make_handler = make_handler
        self._guard = guard
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()  # until the task has begun
        self._transport = transport
        self._guard.opened(self)
        self._task = self._loop.create_task(self._greet(transport))

    def force_close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _greet(self, transport: asyncio.Transport) -> None:
        early = _Early()
        try:
            secured = await self._loop.start_tls(
                transport, early, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, ValueError) as error:
            # Whoever fails at this is a stranger, and may do so a thousand times a second.
            logger.debug("TLS handshake failed", error=str(error))
            transport.abort()
            return
        finally:
            self._guard.closed(self)
        if secured is not None and not early.is_lost:
            early.hand_over(secured, self._make_handler())


class _Early(asyncio.Protocol):
    """Keeps what comes between the end of the handshake and the moment that somebody is there to read it."""

    def __init__(self) -> None:
        self.is_lost = False
        self._pieces: list[bytes] = []
        self._is_ended = False

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)

    def eof_received(self) -> None:
        self._is_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True

    def hand_over(self, transport: asyncio.Transport, handler: asyncio.Protocol) -> None:
        """Let a handler read on."""
        transport.set_protocol(handler)
        handler.connection_made(transport)
        if self._pieces:
            handler.data_received(b"".join(self._pieces))
        if self._is_ended:
            handler.eof_received()
