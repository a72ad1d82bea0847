"""The overview as a live stream of server-sent events."""

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import web

from billing.runtime.http_guard import exempt_stream
from exporter.model.asking import ask
from exporter.model.state import NotKnownError
from exporter.rest.documents import Documents
from exporter.rest.overview import overview, waiting
from exporter.rest.overview_shapes import Overview, Waiting
from exporter.web.context import Context, context_of
from exporter.web.json_body import dump
from exporter.web.middleware import common_headers
from exporter.web.parameters import MONTH, read_month
from exporter.web.problems import ProblemError
from exporter.web.routes import Route
from exporter.web.workers import Workers

# Not more often than a person can read, and often enough that silence means trouble.
SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 5.0
RETRY_MS = 2_000
MAX_STREAMS = 200


class Broadcast:
    """Makes each overview once, however many are watching.

    Args:
        context: of the application.
        workers: make them.
    """

    def __init__(self, context: Context, workers: Workers) -> None:
        self._context = context
        self._workers = workers
        self._making = asyncio.Lock()
        self._made: dict[str | None, tuple[tuple[int, int], bytes]] = {}
        self.stopping = asyncio.Event()
        self.watching = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Count one more who watches, while the block runs."""
        self.watching += 1
        try:
            yield
        finally:
            self.watching -= 1

    async def newest(self, month: str | None) -> bytes:
        """Return the overview of a month, or what stands in its place, as one line of JSON.

        Raises:
            ProblemError: too many questions wait for an answer.
        """
        async with self._making:
            # At rest an overview grows old by its ages alone: it is made anew each half second at most.
            stamp = (self.version(), int(asyncio.get_running_loop().time() / SHORTEST_SECONDS))
            made = self._made.get(month)
            if made is None or made[0] != stamp:
                body = await self._workers.run(lambda: dump(self._make(month)))
                self._made = {key: value for key, value in self._made.items() if value[0] == stamp}
                made = self._made[month] = (stamp, body)
            return made[1]

    def version(self) -> int:
        """Return what changes when the overview does; -1 while the numbers are not known."""
        return self._context.model.shown_version

    def _make(self, month: str | None) -> Overview | Waiting:
        try:
            return ask(self._context.model, lambda view: overview(Documents(self._context, view), month))
        except NotKnownError as error:
            return waiting(self._context, error)


BROADCAST = web.AppKey("broadcast", Broadcast)


async def stream(request: web.Request) -> web.StreamResponse:
    """Send the overview at once, then when it changes."""
    month, broadcast = read_month(request), request.config_dict[BROADCAST]
    if broadcast.watching >= MAX_STREAMS:
        raise ProblemError(503, "busy", f"{MAX_STREAMS} streams are open already", headers={"Retry-After": "30"})
    exempt_stream(request)
    context = context_of(request)
    response = web.StreamResponse(headers={
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        # Proxies must not gather events up.
        "X-Accel-Buffering": "no",
        **common_headers(context),
    })  # fmt: skip
    await response.prepare(request)
    with contextlib.suppress(ConnectionError, ProblemError), broadcast.watched():
        await response.write(b"retry: %d\n\n" % RETRY_MS)
        while not broadcast.stopping.is_set():
            seen = broadcast.version()
            await response.write(b"event: overview\ndata: " + await broadcast.newest(month) + b"\n\n")
            await _until_changed(broadcast, seen)
    return response


async def _until_changed(broadcast: Broadcast, seen: int) -> None:
    """Wait for another version, at least the shortest and at most the longest pause."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LONGEST_SECONDS
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(broadcast.stopping.wait(), SHORTEST_SECONDS)
        if broadcast.stopping.is_set() or broadcast.version() != seen or loop.time() >= deadline:
            return


ROUTES = (
    Route("GET", "/api/v1/live", stream, "The overview as server-sent events: at once, then on each change.",
          (MONTH,), media_type="text/event-stream", head=False, errors=(400, 503)),
)  # fmt: skip
