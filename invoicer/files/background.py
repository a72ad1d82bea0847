"""Writes the files beside the closing of months: neither a large month nor a disk that hangs holds the next one up."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from billing.invoice import MonthClose
from billing.runtime.signals import StopFlag
from invoicer.files.keeper import FileKeeper


class BackgroundFiles:
    """Runs a :class:`FileKeeper` in a thread of its own; a context manager that ends it.

    Args:
        keeper: what is run, one call at a time.
        stop: asked while it writes.
    """

    def __init__(self, keeper: FileKeeper, stop: StopFlag) -> None:
        self._keeper = keeper
        self._stop = stop
        self._leaving = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="files")
        self._running: Future[bool] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving = True
        self._thread.shutdown(wait=True, cancel_futures=True)

    def start_if_due(self, closes: Mapping[str, MonthClose]) -> None:
        """See to the files of the closed months, unless that is going on already.

        Raises:
            Exception: whatever the last time ended with.
        """
        if self._running and not self._running.done():
            return
        if self._running:
            self._running.result()
        self._running = self._thread.submit(self._keeper.keep, dict(closes), self)

    @property
    def requested(self) -> bool:
        """Whether the files are to be left as they are: when the program stops, or the session ends."""
        return self._leaving or self._stop.requested
