"""Something that goes on in the background while a test does its work."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Self


class BackgroundFeeder:
    """Sends batches in the background until it is told to stop. Use it as a context manager.

    Args:
        send: sends the events of a seed.
        pause_seconds: between two batches.
    """

    def __init__(self, send: Callable[[int], None], pause_seconds: float) -> None:
        self._send, self._pause_seconds = send, pause_seconds
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
            self._stop.wait(self._pause_seconds)
