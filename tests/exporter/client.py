"""A client that sends exactly the bytes it is told to, and a server in a thread of its own for it."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

Json = Any


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body as JSON, which its content type must say it is."""
        assert self.headers["Content-Type"].startswith("application/json"), self.headers
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Client:
    """Talks to one server.

    Args:
        port: of the server, on this machine.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to a request; the path goes out as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, CIMultiDict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Return the answer to a GET; underscores in the names of headers are dashes."""
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, document: Json = None) -> Answer:
        """Return the answer to a POST of a JSON document, as a browser's plugin sends it."""
        body = b"" if document is None else json.dumps(document).encode()
        return self.request("POST", path, body, {"Content-Type": "application/json"})

    def ok(self, path: str) -> Json:
        """Return the JSON of a GET that must succeed."""
        answer = self.get(path)
        assert answer.status == 200, answer.text
        return answer.json

    def query(self, *targets: Json, **more: Json) -> Json:
        """Return the answer to a POST /query that must succeed."""
        answer = self.post("/query", {"targets": list(targets), **more})
        assert answer.status == 200, answer.text
        return answer.json


@contextmanager
def serve(make_app: Callable[[], web.Application]) -> Iterator[Client]:
    """Run an application in a thread of its own, and yield a client of it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        runner = asyncio.run_coroutine_threadsafe(_start(make_app), loop).result(60)
        try:
            yield Client(runner.addresses[0][1])
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _start(make_app: Callable[[], web.Application]) -> web.AppRunner:
    runner = web.AppRunner(make_app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner
