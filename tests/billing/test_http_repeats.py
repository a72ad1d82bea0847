"""Requests that came before are answered as before, and nothing else is ever taken for one of them."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.runtime.http_guard import listening, watched
from billing.runtime.http_repeats import LONGEST_REQUEST_BYTES, ROUTE, STATE, Repeats, is_whole_get
from tests.examples import examples

PATIENCE_SECONDS = 30.0
# For the server to take a piece before the next one is sent.
PAUSE_SECONDS = 0.01


def get(name: str, more: str = "", version: str = "1.1") -> bytes:
    return f"GET /n/{name} HTTP/{version}\r\nHost: localhost\r\n{more}\r\n".encode()


A, B = get("a"), get("b")
BODY = A
POST = b"POST /n/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(BODY)
PIECES = {
    "a": A,
    "b": B,
    "both at once": A + B,
    "a whole one and a half": A + B[:20],
    "the other half": B[20:],
    "the first half": B[:20],
    "a body that looks like a request": POST + BODY,
    "a head whose body follows": POST,
    "a head whose body nobody waits for": POST.replace(b"/n/", b"/x/"),
    "a GET whose body follows": get("a", f"Content-Length: {len(BODY)}\r\n"),
    "a GET whose body comes in chunks": get("a", "Transfer-Encoding: chunked\r\n"),
    "a chunk": b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    "a head without an answer": A.replace(b"GET", b"HEAD"),
    "what is not there": A.replace(b"/n/", b"/x/"),
    "an old one": get("a", version="1.0"),
    "the last one": get("a", "Connection: close\r\n"),
    "no HTTP": b"\x16\x03\x01 and more\r\n\r\n",
}  # fmt: skip


@dataclass
class World:
    """A server whose answers tell a path and a state, and how often it was asked."""

    repeats: Repeats | None = None
    version: int = 1
    is_open: bool = True
    calls: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.repeats is None:
            self.repeats = Repeats(lambda: (self.version, None) if self.is_open else None, self.noted.append)

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        self.calls.append(request.match_info["name"])
        if request.method == "GET":
            request[STATE], request[ROUTE] = self.version, "/n/{name}"
        return web.Response(text=f"{request.method} {request.match_info['name']} of {self.version}")


@asynccontextmanager
async def served(world: World, repeats: Repeats | None) -> AsyncIterator[int]:
    app = web.Application(middlewares=[watched])
    app.router.add_route("*", "/n/{name}", world.answer)
    async with listening(app, "127.0.0.1", 0, 16, 1.0, None, repeats) as port:
        yield port


async def told(port: int, pieces: Sequence[bytes]) -> bytes:
    """Send pieces one after the other, then nothing more; return all that is answered, without dates."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = asyncio.create_task(read_all(reader))
    # The server may end the connection before all is sent.
    with suppress(OSError):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(PAUSE_SECONDS)
        writer.write_eof()
    found = await asyncio.wait_for(answers, PATIENCE_SECONDS)
    writer.close()
    return re.sub(rb"Date: [^\r]*\r\n", b"", found)


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Read until the other side ends the connection, in whatever way."""
    found = b""
    with suppress(OSError):
        while some := await reader.read(65_536):
            found += some
    return found


async def both(pieces: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return what a server with repeats answers, and one without."""
    world, plain = World(), World()
    async with served(world, world.repeats) as port, served(plain, None) as plain_port:
        return await told(port, pieces), await told(plain_port, pieces)


@example(["a head whose body nobody waits for", "a", "b"])
@example(["a GET whose body follows", "a", "b"])
@example(["a GET whose body comes in chunks", "a chunk", "a"])
@example(["a whole one and a half", "the other half", "a"])
@example(["the first half", "the other half", "a"])
@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.sampled_from(sorted(PIECES)), max_size=6))
def test_whatever_comes_the_answers_are_those_without_repeats(names: list[str]) -> None:
    """After two requests that are known from then on: in their order, each once, nothing smuggled in between."""
    repeated, plain = asyncio.run(both([A, B, A, *(PIECES[name] for name in names)]))
    assert repeated == plain


def run(*pieces: bytes, world: World) -> bytes:
    async def ask() -> bytes:
        async with served(world, world.repeats) as port:
            return await told(port, pieces)

    return asyncio.run(ask())


def test_what_comes_again_is_answered_without_being_read() -> None:
    """And it is noted by its route; other requests, and other bytes of the same one, are read."""
    world = World()
    answers = run(A, A, A, B, B, get("a", "X: 1\r\n"), A, world=world)
    assert world.calls in (["a", "b", "a"], ["a", "b", "a", "a"], ["a", "b", "b", "a"], ["a", "a", "b", "a"])
    assert world.noted == ["/n/{name}"] * (7 - len(world.calls))
    assert re.findall(rb"GET . of 1", answers) == [b"GET a of 1"] * 3 + [b"GET b of 1"] * 2 + [b"GET a of 1"] * 2


def test_nothing_old_is_told() -> None:
    """Another state has other answers, and one that was made of a state that has gone is not kept."""
    world = World()
    repeats = world.repeats
    assert repeats is not None

    async def ask() -> list[bytes]:
        found = []
        async with served(world, repeats) as port:
            for version in (1, 1, 2, 2, 3):
                world.version = version
                found.append(await told(port, [B, A, A]))
        return found

    for number, answers in zip((1, 1, 2, 2, 3), asyncio.run(ask()), strict=True):
        assert answers.count(b"of %d" % number) == 3
    assert world.noted


def test_nothing_is_repeated_where_it_matters_who_asks() -> None:
    """From the moment on at which it does."""
    world = World()
    run(A, A, world=world)
    world.is_open, before = False, len(world.calls)
    run(A, A, A, world=world)
    assert len(world.calls) == before + 3


@pytest.mark.parametrize("name", sorted(PIECES.keys() - {"a", "b", "what is not there"}))
def test_only_one_whole_get_is_one(name: str) -> None:
    """Whatever else comes is read."""
    assert not is_whole_get(PIECES[name]) or name == "an old one"


def test_long_requests_are_not_kept() -> None:
    """Their bytes are the key."""
    room = LONGEST_REQUEST_BYTES - len(get("a", "X: \r\n"))
    assert is_whole_get(get("a", f"X: {'x' * room}\r\n"))
    assert not is_whole_get(get("a", f"X: {'x' * (room + 1)}\r\n"))
