"""Work that is done every few seconds in a thread of its own, for as long as a part runs."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class RepeatedWork(ABC):
    """Does its work at once and then again after each pause. Use it as a context manager: leaving ends it.

    Args:
        name: of the thread.
        pause_seconds: how long to wait between the end of the work and the next time.
    """

    def __init__(self, name: str, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    @abstractmethod
    def work(self) -> None:
        """Do the work once. It may raise nothing that it expects: an error ends the thread."""

    def stopped_within(self, seconds: float) -> bool:
        """Wait in the middle of the work; return whether it should end."""
        return self._stop.wait(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.work()
            self._stop.wait(self._pause_seconds)
