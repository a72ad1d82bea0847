"""The HTTP server of a part that is no web service itself: its metrics, and whether it is well.

It runs in a thread of its own, and serves from what it is handed: however many ask, the part goes on working.
"""

import asyncio
import gzip
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder, gzip_accepted

from billing.access.hosts import is_own_host
from billing.errors import OperatorError
from billing.runtime.access.access import OPEN, Access
from billing.runtime.access.answers import may_be_told_why, refusal_of_metrics
from billing.runtime.access.exposure import show_exposure
from billing.runtime.access.web_config_middleware import apply_web_config
from billing.runtime.http_guard import PLAIN_HEADERS, listening, problem, watched
from billing.runtime.logs import get_logger

logger = get_logger(__name__)

MAX_CONNECTIONS = 64
_START_SECONDS = 30.0
_SHUTDOWN_SECONDS = 1.0
_NO_STORE = {**PLAIN_HEADERS, "X-Content-Type-Options": "nosniff"}
_CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass(frozen=True)
class HealthCheck:
    """One thing that a part depends on.

    Args:
        name: which.
        ok: whether it is as it must be.
        message: how it is, in one sentence.
    """

    name: str
    ok: bool
    message: str


# Topics, offsets, amounts and addresses are in the reasons.
_TO_ANYBODY = {True: "it is as it must be", False: "it is not as it must be; who may read all data is told why"}


def told_to_anybody(checks: Sequence[HealthCheck]) -> list[HealthCheck]:
    """Return what somebody is told of checks who may not see why they are as they are."""
    return [replace(check, message=_TO_ANYBODY[check.ok]) for check in checks]


AskHealth = Callable[[], Sequence[HealthCheck]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Listening:
    """Where a part serves, and by which names it may be called.

    Args:
        part: as its settings begin: `processor`.
        host: address to listen on.
        port: port to listen on; 0 takes any free one.
        allowed_hosts: its names besides its machine's and the address; ``*`` allows all.
    """

    part: str
    host: str
    port: int
    allowed_hosts: Collection[str] = ()


@contextmanager
def part_served(registry: CollectorRegistry, health: AskHealth, at: Listening, access: Access = OPEN) -> Iterator[int]:
    """Serve ``/metrics``, ``/healthz`` and ``/readyz`` while the block runs; yields the port.

    Args:
        registry: what ``/metrics`` shows.
        health: asked by ``/readyz``, in the server's thread: it must not wait for anything.
        at: where.
        access: who may see ``/metrics``, and how connections are taken.

    Raises:
        OperatorError: the port can't be listened on.
    """
    show_exposure(registry, at.host, f"{at.part}_host", lambda: access.is_controlled)
    app = make_app(registry, health, (socket.gethostname(), at.host, *at.allowed_hosts), access)
    disable_created_metrics()  # type: ignore[no-untyped-call]
    started: Future[int] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        try:
            async with listening(app, at.host, at.port, MAX_CONNECTIONS, _SHUTDOWN_SECONDS, access.tls) as bound:
                started.set_result(bound)
                await stop.wait()
        except OSError as error:
            started.set_exception(error)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="part-server", daemon=True)
    thread.start()
    try:
        bound = started.result(_START_SECONDS)
    except OSError as error:
        thread.join(_START_SECONDS)
        loop.close()
        raise OperatorError(
            f"cannot listen on port {at.port} ({at.part}_port): {error.strerror}; choose another port"
        ) from None
    try:
        logger.info("metrics served", port=bound, tls=access.tls is not None, access_control=access.gate.is_on)
        with access.watching():
            yield bound
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_START_SECONDS)
        if not thread.is_alive():
            loop.close()


def make_app(
    registry: CollectorRegistry, health: AskHealth, own_names: Collection[str], access: Access = OPEN
) -> web.Application:
    """Return the application that is served; it answers to its own names only, as :func:`is_own_host` has it."""

    async def metrics(request: web.Request) -> web.Response:
        if refusal := await refusal_of_metrics(access.gate, request):
            return problem(refusal.status, refusal.code, refusal.message, refusal.headers)
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body, headers = encode(registry), {**_NO_STORE, "Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if gzip_accepted(request.headers.get("Accept-Encoding", "")):
            body, headers["Content-Encoding"] = gzip.compress(body, 2), "gzip"
        return web.Response(body=body, headers=headers)

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers=_NO_STORE)

    async def ready(request: web.Request) -> web.Response:
        checks = health()
        if not await may_be_told_why(access.gate, request):
            checks = told_to_anybody(checks)
        failing = [check for check in checks if not check.ok]
        body: dict[str, object] = {
            "status": "not ready" if failing else "ready",
            "checks": [asdict(check) for check in checks],
        }
        if not failing:
            return web.json_response(body, headers=_NO_STORE)
        message = "not ready: " + "; ".join(f"{check.name}: {check.message}" for check in failing)
        return problem(503, "not_ready", message, {**_NO_STORE, "Retry-After": "5"}, body)

    app = web.Application(client_max_size=1, middlewares=[watched, _shape_errors, _check_host(own_names)])
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    apply_web_config(app, access.web_config)
    return app


@web.middleware
async def _shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        message = f"there is nothing at {request.path[:200]}; there are /metrics, /healthz and /readyz"
        if error.status == 405:
            message = f"{request.path} takes GET alone"
        headers = {**_NO_STORE, "Allow": "GET, HEAD"} if error.status == 405 else _NO_STORE
        return problem(error.status, _CODES.get(error.status, "bad_request"), message, headers)


def _check_host(own_names: Collection[str]) -> Middleware:
    """Return what refuses a request that calls this by another's name, as web pages do that point theirs here."""

    @web.middleware
    async def check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
        # What browsers always send; request.host would ask the name server where there is none.
        host = request.headers.get("Host", "localhost")
        if is_own_host(host, own_names):
            return await handler(request)
        message = f"this is not {host[:100]!r}; set allowed_hosts to its names"
        return problem(421, "wrong_host", message, _NO_STORE)

    return check_host
