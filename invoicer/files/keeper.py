"""Keeps the files complete whatever the disk does: what can't be written now is tried again later."""

import time
from collections.abc import Callable, Mapping

from billing.invoice import MonthClose
from billing.runtime.logs import get_logger
from billing.runtime.signals import StopFlag
from invoicer.files.archive import Archive, StoppedError
from invoicer.metrics import InvoicerMetrics

logger = get_logger(__name__)

MAX_PAUSE_SECONDS = 60.0


class FileKeeper:
    """Writes what is missing, and waits longer after each failure in a row, up to a minute.

    Args:
        archive: the files.
        metrics: told of failures and of what is missing.
        pause_seconds: how long to wait after the first failure.
        monotonic: a clock for the pauses, in seconds.
    """

    def __init__(
        self,
        archive: Archive,
        metrics: InvoicerMetrics,
        pause_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._archive = archive
        self._metrics = metrics
        self._first_pause_seconds = pause_seconds
        self._pause_seconds = pause_seconds
        self._monotonic = monotonic
        self._not_before = 0.0
        self._known: set[str] = set()

    def keep(self, closes: Mapping[str, MonthClose], stop: StopFlag) -> bool:
        """Write the closed months that are not complete, unless it is too early to try again.

        Returns whether all are complete now. A disk that can't be written is logged and counted, not raised.

        Raises:
            LedgerFaultError: the ledger contradicts itself.
        """
        if closes.keys() - self._known:
            # A month that has just been closed shows as unwritten even while it is too early to try.
            self._metrics.months_unwritten.inc(len(closes.keys() - self._known))
            self._known |= closes.keys()
        if self._monotonic() < self._not_before:
            return False
        unwritten: list[str] = sorted(closes)
        try:
            unwritten = self._archive.unwritten(closes)
            self._archive.write(unwritten, stop)
            unwritten = []
        except StoppedError:
            logger.info("writing of files interrupted", months=",".join(unwritten))
        except OSError as error:
            self._failed(unwritten, error)
        else:
            self._pause_seconds = self._first_pause_seconds
        self._metrics.months_unwritten.set(len(unwritten))
        return not unwritten

    def _failed(self, unwritten: list[str], error: OSError) -> None:
        self._metrics.file_failures.inc()
        logger.error(
            "files cannot be written, the invoices are issued and safe in the ledger: make room or mend the folder",
            folder=self._archive.output,
            months=",".join(unwritten),
            error=error.strerror or str(error),
            retry_in_seconds=self._pause_seconds,
        )
        self._not_before = self._monotonic() + self._pause_seconds
        self._pause_seconds = min(MAX_PAUSE_SECONDS, 2 * self._pause_seconds)
