"""Something that goes on in the background while a test does its work."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Self

# All that is sent has to be counted and compared too: on a slow machine there must not be the more of it.
PAUSE_SECONDS = 0.1
MOST_AHEAD = 5_000


class BackgroundFeeder:
    """Sends batches in the background until it is told to stop. Use it as a context manager.

    Args:
        send: sends the events of a seed.
    """

    def __init__(self, send: Callable[[int], None]) -> None:
        self._send = send
        self._stop, self._thread = Event(), Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seed = 100
        while not self._stop.is_set():
            seed += 1
            self._send(seed)
            self._stop.wait(PAUSE_SECONDS)
