"""What keeps an HTTP server answering while strangers hold connections open: caps, time limits, and plain errors.

A connection that has sent no whole request in time is closed, and so is one whose answer nobody takes. When all places
are taken, the connection that has waited longest for nothing makes room for the next one. What is no HTTP at all is
answered in the one shape of all errors, and never logged as a failure of ours.
"""

import asyncio
import resource
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from aiohttp import web

from billing.runtime.http_repeats import Repeats, is_whole_get
from billing.runtime.logs import get_logger
from billing.runtime.tls_greeting import TlsGreeting

logger = get_logger(__name__)

# From accepting a connection, or from the answer before, to the last byte of the next request's headers.
REQUEST_SECONDS = 15.0
# From there to the last byte of the answer: generous to slow networks. Streams have no end and are exempt.
ANSWER_SECONDS = 120.0
# Files that the rest of the process may need: Kafka's sockets, State, logs.
_RESERVED_FILES = 256

_SWEEP_SECONDS = 1.0
# After so long a connection's request is read again, whatever is known of it: that is what keeps it open.
_REPEAT_SECONDS = 1.0
_MAX_HEADERS = 64
_MAX_LINE_BYTES = 8_190

# Of an answer that is of this moment alone.
PLAIN_HEADERS = MappingProxyType({"Cache-Control": "no-store", "Server": "queryable-billing"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class GuardedHandler(web.RequestHandler):
    """One connection, watched by a guard. `busy_since` is when its request began, None while there is none.

    Where there are repeats, a request that came before is answered before anything is read of it: on connections whose
    every piece was one whole GET that came after the answer before. One that is anything else, be it once, is read from
    then on as if there were no repeats, so that nothing can be taken for a request that is a part of another.
    """

    __slots__ = ("_asked", "_is_plain", "_repeat_until", "_repeats", "busy_since", "guard", "idle_since", "is_stream")

    def __init__(
        self,
        manager: web.Server,
        guard: "ConnectionGuard",
        loop: asyncio.AbstractEventLoop,
        repeats: Repeats | None = None,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # as aiohttp's own runner passes it
            keepalive_timeout=REQUEST_SECONDS,
            max_headers=_MAX_HEADERS,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
        )
        self.guard = guard
        self.idle_since = loop.time()
        self.busy_since: float | None = None
        self.is_stream = False
        self._repeats = repeats
        # The request that is being answered, while each piece was one.
        self._asked: bytes | None = None
        self._is_plain = repeats is not None
        self._repeat_until = 0.0

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        if not (self._is_plain and self._is_answered_again(data)):
            super().data_received(data)

    def _is_answered_again(self, data: bytes) -> bool:
        """Answer a request at once if that can be done, else note it, or that the connection is not a plain one."""
        repeats, transport, now = self._repeats, self.transport, self._loop.time()
        if self._asked is not None or repeats is None or not isinstance(transport, asyncio.Transport):
            self._is_plain = False
            return False
        # Who does not take the answers gets no more of them.
        is_free = now < self._repeat_until and not transport.is_closing() and not transport.get_write_buffer_size()
        if is_free and (answer := repeats.find(data)) is not None:
            transport.write(answer)
            self.idle_since = now
            return True
        self._is_plain = is_whole_get(data)
        self._asked = data if self._is_plain else None
        return False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, if there is room for it."""
        super().connection_made(transport)
        self.guard.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self.guard.closed(self)
        super().connection_lost(exc)

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:
        """Note that an answer has been sent: nothing is written."""
        self.busy_since, self.idle_since = None, self._loop.time()
        asked, self._asked = self._asked, None
        if asked is not None and self._repeats is not None:
            self._repeats.remember(asked, request, response)
            self._repeat_until = self.idle_since + _REPEAT_SECONDS

    def begin(self) -> None:
        """Note that a request is being answered."""
        self.busy_since = self._loop.time()

    def exempt(self) -> None:
        """Let the answer take as long as it likes."""
        self.is_stream = True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what is no HTTP, or to a failure that no middleware saw."""
        if status >= 500:
            logger.error("request failed", status=status, error=repr(exc))
        response = problem(status, "bad_request" if status < 500 else "internal", _said(status, message))
        response.force_close()
        return response


class ConnectionGuard:
    """Watches the connections of one server.

    Args:
        max_connections: how many may be open at once; fewer where the process may open fewer files.
    """

    def __init__(self, max_connections: int) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        room = max(16, soft - _RESERVED_FILES) if soft != resource.RLIM_INFINITY else max_connections
        self.max_connections = min(max_connections, room)
        self._open: set[GuardedHandler | TlsGreeting] = set()

    def opened(self, handler: GuardedHandler | TlsGreeting) -> None:
        """Take a new connection in; where there is no room, close the one that has been idle longest."""
        self._open.add(handler)
        if len(self._open) > self.max_connections:
            idle = [one for one in self._open if one.busy_since is None and one is not handler]
            oldest = min(idle, key=lambda one: one.idle_since, default=handler)
            self._open.discard(oldest)
            oldest.force_close()

    def closed(self, handler: GuardedHandler | TlsGreeting) -> None:
        """Forget a connection."""
        self._open.discard(handler)

    def sweep(self, now: float) -> None:
        """Close the connections whose answer has not been taken in time."""
        for one in [*self._open]:
            if one.busy_since is not None and not one.is_stream and now - one.busy_since > ANSWER_SECONDS:
                self._open.discard(one)
                one.force_close()


@web.middleware
async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the guard that a request is being answered. It goes outside all other middlewares."""
    connection = request.protocol
    if isinstance(connection, GuardedHandler):
        connection.begin()
    return await handler(request)


def exempt_stream(request: web.Request) -> None:
    """Let the answer to a request take as long as it likes."""
    if isinstance(request.protocol, GuardedHandler):
        request.protocol.exempt()


@asynccontextmanager
async def listening(
    app: web.Application,
    host: str,
    port: int,
    max_connections: int,
    shutdown_seconds: float,
    tls: Callable[[], ssl.SSLContext] | None = None,
    repeats: Repeats | None = None,
) -> AsyncIterator[int]:
    """Serve an application while the block runs; yields the port.

    Args:
        app: what is served; :func:`watched` is its first middleware.
        host: address to listen on.
        port: port to listen on; 0 takes any free one.
        max_connections: how many may be open at once.
        shutdown_seconds: how long requests may still take at the end.
        tls: returns what the next connection is taken with; None: plain HTTP.
        repeats: what requests were answered with that may come again; None: each is answered anew.

    Raises:
        OSError: the address cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_seconds)
    await runner.setup()
    loop, guard = asyncio.get_running_loop(), ConnectionGuard(max_connections)
    manager = runner.server
    assert manager is not None
    sweeper = loop.create_task(_sweep(guard))

    def handler() -> GuardedHandler:
        return GuardedHandler(manager, guard, loop, repeats)

    def greeting() -> asyncio.Protocol:
        return handler() if tls is None else TlsGreeting(tls(), handler, guard, loop)

    try:
        server = await loop.create_server(greeting, host, port, backlog=128)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
    finally:
        sweeper.cancel()
        await runner.cleanup()


async def _sweep(guard: ConnectionGuard) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        guard.sweep(loop.time())


def _said(status: int, message: str | None) -> str:
    """Return the first line of what the parser says, which repeats the whole request in those after it."""
    if status >= 500:
        return "something went wrong here; the log has the details"
    first = (message or "").strip().split("\n", 1)[0].rstrip(":")[:200]
    return f"this is no HTTP request that can be read: {first or 'malformed'}"


def problem(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] = MappingProxyType({}),
    more: Mapping[str, object] = MappingProxyType({}),
) -> web.Response:
    """Return an error in the one shape.

    Args:
        status: the HTTP status.
        code: what kind of error it is, for programs.
        message: the same in a sentence.
        headers: further headers.
        more: further fields of the body.
    """
    body = {"message": message, "error": {"code": code, "message": message}, **more}
    return web.json_response(body, status=status, headers={**PLAIN_HEADERS, **headers})
