"""The exporter's entry point: build, serve, and stop when asked to or when a feed has failed."""

import argparse
import asyncio
import errno
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from billing.errors import OperatorError
from billing.runtime.access.access import Access, make_access
from billing.runtime.access.exposure import show_exposure
from billing.runtime.access.web_config_middleware import apply_web_config
from billing.runtime.http_guard import listening
from billing.runtime.http_repeats import Repeats, Truth
from billing.runtime.logs import get_logger
from billing.runtime.part_server import HealthCheck
from billing.runtime.topic_watch import TopicWatch
from billing.settings import Settings
from exporter.application import create_app
from exporter.feeds.background import Background, Job
from exporter.feeds.input_ends import InputEndsPoller
from exporter.feeds.input_pages import KafkaInputPages
from exporter.feeds.kafka import TOPICS, KafkaFeed
from exporter.feeds.standalone import StandaloneFeed
from exporter.model.input_ends import InputEnds
from exporter.model.read_model import ReadModel
from exporter.model.visible_delay import VisibleDelay
from exporter.web.context import Context
from exporter.web.own_metrics import OwnMetrics

logger = get_logger(__name__)

_SHUTDOWN_SECONDS = 3.0

ACCESS = web.AppKey("access", Access)
REPEATS = web.AppKey("repeats", Repeats)


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM.

    Returns:
        0 when asked to stop, 1 when a feed has failed.

    Raises:
        OperatorError: the port is taken, or no broker answers.
    """
    return asyncio.run(_serve(settings, standalone=arguments.standalone))


async def _serve(settings: Settings, standalone: bool) -> int:
    failures: list[Exception] = []
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def fail(error: Exception) -> None:
        failures.append(error)
        loop.call_soon_threadsafe(stop.set)

    app = build(settings, standalone, fail)
    try:
        async with _listening(app, settings) as port:
            scheme = "http" if app[ACCESS].tls is None else "https"
            logger.info("exporter ready", url=f"{scheme}://localhost:{port}", standalone=standalone)
            await stop.wait()
    finally:
        logger.info("exporter stopped")
    return _outcome(failures)


def build(settings: Settings, standalone: bool, on_failure: Callable[[Exception], None]) -> web.Application:
    """Return the application with its feeds, which start and stop with it.

    Args:
        settings: of the deployment.
        standalone: make the data up instead of reading Kafka.
        on_failure: called from another thread when a feed fails.

    Raises:
        OperatorError: an option in `kafka` is wrong, or a file that says who is let in.
    """
    own = OwnMetrics(CollectorRegistry())
    access = make_access(settings, own.registry)
    show_exposure(own.registry, settings.exporter_host, "exporter_host", lambda: access.is_controlled)
    delay = VisibleDelay(own.observe_delay)
    model = ReadModel(settings.types, settings.time_zone, settings.currency, on_shown=delay.note)
    newest_ends: Callable[[], InputEnds]
    jobs: list[Job]
    more_checks: list[Callable[[], HealthCheck]] = []
    if standalone:
        made_up = StandaloneFeed(settings, model)
        newest_ends, jobs = (lambda: made_up.input_ends), [made_up]
    else:
        topics = TopicWatch(settings, TOPICS, own.registry)
        feed = KafkaFeed(settings, model, topics)
        more_checks = [topics.check]
        poller = InputEndsPoller(settings, model.next_offsets, lambda: feed.subtotals_partitions, delay.saw_ends)
        newest_ends, jobs = (lambda: poller.newest), [feed, poller]

    def fail(error: Exception) -> None:
        model.stop(f"the reading of the topics has failed: {error}")
        on_failure(error)

    async def feeds(_: web.Application) -> AsyncIterator[None]:
        background = Background(fail)
        for job in jobs:
            background.start(job)
        yield
        await asyncio.to_thread(background.stop)

    async def watch(_: web.Application) -> AsyncIterator[None]:
        with access.watching():
            yield

    pages = None if standalone else KafkaInputPages(settings)
    context = Context(settings, model, newest_ends, own, delay, standalone, tuple(more_checks), pages, access.gate)

    def truth() -> Truth | None:
        config = access.web_config()
        return None if access.gate.is_on or config.rate_limit else (model.shown_version, config)

    app = create_app(context, [feeds, watch])
    app[ACCESS] = access
    app[REPEATS] = Repeats(truth, lambda route: own.observe_request(route, "GET", 200, 0.0))
    apply_web_config(app, access.web_config)
    return app


@asynccontextmanager
async def _listening(app: web.Application, settings: Settings) -> AsyncIterator[int]:
    host, port = settings.exporter_host, settings.exporter_port
    try:
        tls, repeats = app[ACCESS].tls, app[REPEATS]
        async with listening(app, host, port, settings.max_connections, _SHUTDOWN_SECONDS, tls, repeats) as bound:
            yield bound
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OperatorError(
                f"port {port} is taken: stop what listens at {host}:{port}, or set exporter_port"
            ) from None
        raise OperatorError(
            f"cannot listen at {host}:{port}: {error.strerror}; set exporter_host, exporter_port"
        ) from None


def _outcome(failures: list[Exception]) -> int:
    for error in failures:
        if isinstance(error, OperatorError):
            raise error
        if isinstance(error, KafkaException):
            raise OperatorError(f"Kafka refuses: {error.args[0].str()}") from error
    return 1 if failures else 0
