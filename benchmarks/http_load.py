"""Asks an HTTP server over some connections, each question when the answer before has come."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.child import ChildError


@dataclass(frozen=True)
class Answers:
    """How many answers came per second, and how long the slowest hundredth took at least."""

    per_second: float
    p99_ms: float


def percentile(values: list[float], share: float) -> float:
    """Return the value that so large a share lies at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def ask(port: int, path: Callable[[random.Random], str], connections: int, seconds: float) -> Answers:
    """Ask for so many seconds and return what came of it; the first tenth is not counted.

    Raises:
        ChildError: an answer was not 200, or the connection ended.
    """
    began = time.monotonic()
    counting, end = began + seconds / 10, began + seconds
    taken = await asyncio.gather(*(_ask(port, path, number, counting, end) for number in range(connections)))
    milliseconds = [each for one in taken for each in one]
    if not milliseconds:
        raise ChildError("no answer came in time")
    return Answers(len(milliseconds) / (end - counting), percentile(milliseconds, 0.99))


async def _ask(port: int, path: Callable[[random.Random], str], seed: int, counting: float, end: float) -> list[float]:
    """Ask over one connection and return the milliseconds of each answer that counts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    draw, taken = random.Random(seed), []
    try:
        while (asked := time.monotonic()) < end:
            writer.write(f"GET {path(draw)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise ChildError(f"not 200: {head[:80]!r}")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if asked >= counting:
                taken.append((time.monotonic() - asked) * 1_000)
    except (asyncio.IncompleteReadError, OSError, IndexError) as error:
        raise ChildError(f"no whole answer: {error!r}") from error
    finally:
        writer.close()
    return taken
