"""What a web config file asks of every answer: its headers, and no more requests than it allows."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from billing.access.token_bucket import TokenBucket
from billing.access.web_config import RateLimit, WebConfig
from billing.runtime.http_guard import problem

# They hold no data, and who asks for them must not be kept from it by others.
HEALTH_PATHS = frozenset({"/healthz", "/readyz"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def apply_web_config(app: web.Application, web_config: Callable[[], WebConfig]) -> None:
    """Let an application keep to a web config file. Its first middleware stays the first.

    Args:
        app: not started yet.
        web_config: what the file says now.
    """
    limiter = _Limiter(web_config)

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.rstrip("/") in HEALTH_PATHS or limiter.allows():
            return await handler(request)
        return problem(429, "too_many_requests", "more requests come than rate_limit allows", {"Retry-After": "1"})

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(web_config().headers)

    app.middlewares.insert(1, limit)
    app.on_response_prepare.append(add_headers)


class _Limiter:
    """Keeps to the rate limit that is in the file now; another one begins with a full bucket."""

    def __init__(self, web_config: Callable[[], WebConfig]) -> None:
        self._web_config = web_config
        self._limit: RateLimit | None = None
        self._bucket: TokenBucket | None = None

    def allows(self) -> bool:
        """Return whether one more request may be answered."""
        limit, now = self._web_config().rate_limit, time.monotonic()
        if limit != self._limit:
            self._limit = limit
            self._bucket = None if limit is None else TokenBucket(limit.interval_seconds, limit.burst, now)
        return self._bucket is None or self._bucket.take(now)
