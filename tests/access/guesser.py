"""Guesses passwords: `python -m tests.access.guesser PORT PER_SECOND SECONDS`; prints how often each status came."""

import asyncio
import base64
import json
import sys
from collections import Counter

# Each waits for its answer before it asks again, as every client does.
CONNECTIONS = 48


async def guess(port: int, numbers: asyncio.Queue[int], statuses: Counter[str]) -> None:
    """Show another password with each number, for users who exist and some who do not."""
    reader = writer = None
    while (number := await numbers.get()) >= 0:
        try:
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            shown = base64.b64encode(f"user{number % 7}:guess-{number}".encode()).decode()
            writer.write(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {shown}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
            await reader.readexactly(int(length.split(":")[1]))
            statuses[head.split(" ")[1]] += 1
        except (OSError, EOFError):
            statuses["closed"] += 1
            reader = writer = None


async def main(port: int, per_second: int, seconds: int) -> None:
    """Guess at a steady rate; numbers that nobody is free for wait."""
    numbers: asyncio.Queue[int] = asyncio.Queue()
    statuses: Counter[str] = Counter()
    guessers = [asyncio.create_task(guess(port, numbers, statuses)) for _ in range(CONNECTIONS)]
    for number in range(per_second * seconds):
        numbers.put_nowait(number)
        if number % 10 == 9:
            await asyncio.sleep(10 / per_second)
    for _ in guessers:
        numbers.put_nowait(-1)
    await asyncio.gather(*guessers)
    print(json.dumps(statuses))


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
