"""A receiver of webhooks on this machine, that can fail, hang and lie; and a ledger in memory to send from."""

import asyncio
import threading
import time
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest

import orjson
from aiohttp import web

from billing.notification import Delivery, Kind, Notification, Threshold
from billing.notification_ledger import KeyValue, Sender, decode, encode

SECRET = "whsec_" + b64encode(b"a key that nobody else has").decode()
LEDGER = "billing.notifications"

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def customer(self) -> str:
        return str(orjson.loads(self.body)["data"]["customer"])

    def is_signed_with(self, secret: str) -> bool:
        """Verify as the specification says a receiver has to, with code of its own."""
        key = b64decode(secret.removeprefix("whsec_"))
        told = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = "v1," + b64encode(digest(key, told, sha256)).decode()
        return wanted in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """Answers each request with the next of its answers, then with 200, byte for byte as it is told.

    Args:
        answers: each writes what it likes to the connection, which is closed afterwards.
    """

    answers: deque[Answer] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append(Received(headers, body))
            answer = self.answers.popleft() if self.answers else status(200)
            await answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(*answers: Answer) -> AsyncIterator[Receiver]:
    """Run a receiver while the block runs."""
    receiver = Receiver(deque(answers))
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    receiver.url = f"http://{host}:{port}/hook"
    try:
        yield receiver
    finally:
        server.close()


def status(code: int, *headers: str, body: bytes = b"") -> Answer:
    """Answer with a status."""
    lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
    return raw("\r\n".join(lines).encode() + body)


def raw(data: bytes) -> Answer:
    """Answer with these bytes."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


async def hang(writer: asyncio.StreamWriter) -> None:
    """Answer nothing and keep the connection."""
    await asyncio.sleep(600)


async def dribble(writer: asyncio.StreamWriter) -> None:
    """Send a header now and then, and never the last one."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(10_000):
        writer.write(f"X-{number}: y\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.02)


async def slow_body(writer: asyncio.StreamWriter) -> None:
    """Say 200, and let the body come for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(1_000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def huge_body(writer: asyncio.StreamWriter) -> None:
    """Say 200, and send as much as is taken."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(10_000):
        writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
        await writer.drain()


class MemoryLog:
    """The ledger as the one who sends has it, in memory."""

    def __init__(self, records: Sequence[KeyValue] = ()) -> None:
        self.records = list(records)
        self._lock = threading.Lock()
        self._next = 0

    @property
    def caught_up(self) -> bool:
        return self._next == len(self.records)

    def rewind(self) -> None:
        """Be read from the start again."""
        self._next = 0

    def poll(self) -> list[KeyValue]:
        with self._lock:
            found = self.records[self._next :]
            self._next = len(self.records)
        if not found:
            time.sleep(0.01)
        return found

    def write(self, record: Delivery | Sender) -> None:
        with self._lock:
            self.records.append(encode(record))

    def beside(self) -> "MemoryLog":
        """Return the same ledger as another one has it."""
        other = MemoryLog()
        other.records, other._lock = self.records, self._lock
        return other

    def deliveries(self) -> list[Delivery]:
        """Return what was written, in its order."""
        return [one for one in (decode(*record) for record in self.records) if isinstance(one, Delivery)]


def notification(customer: str, ordinal: int = 1, kind: Kind = Kind.TRIGGERED) -> Notification:
    """Make a notification of a customer."""
    threshold = Threshold("calls", "2026-01", customer, 80)
    return Notification(threshold, ordinal, kind, 85_000_000, 100_000_000, False, "CALL", "EUR", 1_000 * ordinal)


def aiohttp_app(statuses: Sequence[int], received: list[str]) -> web.Application:
    """Return a receiver as people write them, which answers with each status in turn and then with 200."""
    left = deque(statuses)

    async def hook(request: web.Request) -> web.Response:
        await request.read()
        received.append(request.headers["webhook-id"])
        return web.Response(status=left.popleft() if left else 200, text="thank you")

    app = web.Application()
    app.router.add_post("/hook", hook)
    return app
