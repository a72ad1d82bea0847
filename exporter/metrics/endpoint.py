"""GET /metrics: the form that is asked for, compressed if that is taken, rendered once for each state."""

import gzip
import threading
import time

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from exporter.metrics.collector import BillingCollector
from exporter.metrics.family import gauge, single
from exporter.metrics.rendering import Renderer
from exporter.web.context import Context
from exporter.web.negotiation import quality
from exporter.web.routes import Need, Route
from exporter.web.workers import work

OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# A fifth of the time of level 9, for a body a third larger.
_GZIP_LEVEL = 2


class Exposition:
    """Makes the bodies of GET /metrics.

    Args:
        context: of the application.
    """

    def __init__(self, context: Context) -> None:
        self._own = context.own
        self._collector = BillingCollector(context)
        self._renderers = {False: Renderer(), True: Renderer()}
        self._passing = {False: Renderer(), True: Renderer()}
        self._rendered: dict[bool, tuple[int, bytes]] = {}
        self._series = (0, 0)
        self._seconds = 0.0
        self._rendering = threading.Lock()

    def packed(self, openmetrics: bool) -> bytes:
        """Return the exposition, compressed by gzip."""
        return gzip.compress(self.body(openmetrics), _GZIP_LEVEL)

    def body(self, openmetrics: bool) -> bytes:
        """Return the exposition. What a state tells is rendered once for each form, by one thread at a time."""
        with self._rendering:
            return self._body(openmetrics)

    def _body(self, openmetrics: bool) -> bytes:
        state = self._state(openmetrics)
        series, dropped = self._series
        passing = [
            *self._collector.passing(),
            single(gauge, "billing_exporter_series", "Series of money in this exposition", series),
            single(gauge, "billing_exporter_series_dropped", "Series left out by series_limit", dropped),
            single(gauge, "billing_exporter_render_duration_seconds", "Time of the newest rendering", self._seconds),
        ]
        generate = openmetrics_exposition.generate_latest if openmetrics else generate_latest
        own: bytes = generate(self._own.registry)
        return state + self._passing[openmetrics].render(passing, openmetrics) + own

    def _state(self, openmetrics: bool) -> bytes:
        rendered = self._rendered.get(openmetrics)
        if rendered is not None and rendered[0] == self._collector.version():
            return rendered[1]
        started = time.perf_counter()
        collected = self._collector.state()
        body = self._renderers[openmetrics].render(collected.families, openmetrics)
        self._rendered[openmetrics] = (collected.version, body)
        self._series = (collected.series, collected.dropped)
        self._seconds = time.perf_counter() - started
        return body


EXPOSITION = web.AppKey("exposition", Exposition)


def install(app: web.Application, context: Context) -> None:
    """Give an application what its endpoint needs."""
    app[EXPOSITION] = Exposition(context)


async def metrics(request: web.Request) -> web.Response:
    """Answer with the exposition."""
    # Not by choose_encoder of prometheus_client: it promises any version asked for, and raises on `version=x`.
    openmetrics = quality(request.headers.get("Accept", ""), "application/openmetrics-text") > 0
    packed = quality(request.headers.get("Accept-Encoding", ""), "gzip") > 0
    exposition = request.config_dict[EXPOSITION]
    make = exposition.packed if packed else exposition.body
    body = await work(request, lambda: make(openmetrics))
    headers = {
        "Content-Type": OPENMETRICS_TYPE if openmetrics else TEXT_TYPE,
        "Cache-Control": "no-store",
        "Vary": "Accept, Accept-Encoding",
    }
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


ROUTES = (
    Route(
        "GET", "/metrics", metrics, "All metrics, for Prometheus.",
        media_type="text/plain", strict=False, errors=(), need=Need.METRICS,
    ),
)  # fmt: skip
