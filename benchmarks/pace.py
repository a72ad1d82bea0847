"""Sends events at a steady rate: ``python -m benchmarks.pace SERVERS TOPIC RATE SECONDS``.

They are of the plain shape, but come in the order of their times, as live events do. It starts when it can, sends what
is due every few milliseconds, and ends by itself. Its events are those that :func:`ticks` makes in the same order
elsewhere.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.bulk_producer import BulkProducer
from benchmarks.shapes import PLAIN, Chunk, EventMaker, Shape

TICK_SECONDS = 0.01


def live_shape(rate: int, seconds: float) -> Shape:
    """Return the shape of so many events per second: all months go by in that time."""
    return replace(PLAIN, name="live", in_order_over=max(1, round(rate * seconds)))


def ticks(maker: EventMaker, rate: int, seconds: float) -> Iterator[Chunk]:
    """Yield the events of each tick; of some ticks none at low rates are due, but all of a second come in it."""
    sent = 0
    for tick in range(1, round(seconds / TICK_SECONDS) + 1):
        due = int(tick * TICK_SECONDS * rate)
        yield maker.make(due - sent)
        sent = due


def send(servers: str, topic: str, rate: int, seconds: float) -> None:
    """Send them, each tick when it is due."""
    with BulkProducer(servers, topic, {"linger.ms": 5}) as producer:
        began = time.monotonic()
        for number, chunk in enumerate(ticks(EventMaker(live_shape(rate, seconds)), rate, seconds), 1):
            time.sleep(max(0.0, began + number * TICK_SECONDS - time.monotonic()))
            if len(chunk.payloads):
                producer.send(chunk.payloads, chunk.keys, chunk.partitions)


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
