"""The folder of all months: finds those that are missing or damaged, and writes them from the ledger."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from billing import ledger
from billing.invoice import MonthClose
from billing.ledger import InvoiceKey, MonthCloseKey
from billing.runtime.file_lock import HeldElsewhereError, file_lock
from billing.runtime.logs import get_logger
from billing.runtime.signals import NEVER, StopFlag
from billing.runtime.topic_reader import Record
from invoicer.files.manifest import is_complete, looks_complete
from invoicer.files.month_folder import LedgerFaultError, MonthFolder
from invoicer.steps import Steps, ignore_step

logger = get_logger(__name__)

LOG_EVERY_SECONDS = 10.0


class StoppedError(Exception):
    """Writing was cut short because the program was asked to stop."""


class LedgerRecords(Protocol):
    """Reads the ledger anew."""

    def __call__(self, first_month: str) -> Iterable[Record]:
        """Yield the records of the ledger to its end, in its order, from an invoice month on or from earlier."""
        ...


class Archive:
    """Keeps the files of the closed months complete.

    Args:
        output: the folder of all months.
        records: where the invoices are read from.
        steps: told of each step.
    """

    def __init__(self, output: Path, records: LedgerRecords, steps: Steps = ignore_step) -> None:
        self.output = output
        self._records = records
        self._steps = steps
        self._complete: set[str] = set()
        self._told_at = 0.0

    def unwritten(self, closes: Mapping[str, MonthClose]) -> list[str]:
        """Return the closed months whose files are not complete, oldest first.

        The checksums of a month are verified once; from then on it counts as complete while its manifest is there.

        Raises:
            OSError: the folder can't be read.
        """
        for month in sorted(closes):
            folder = self.output / month
            if month in self._complete and not looks_complete(folder):
                logger.warning("files are gone", month=month, folder=folder)
                self._complete.discard(month)
            if month not in self._complete and is_complete(folder, closes[month]):
                self._complete.add(month)
        return [month for month in sorted(closes) if month not in self._complete]

    def write(self, months: list[str], stop: StopFlag = NEVER) -> None:
        """Write the folders of months, in one pass over the ledger.

        Raises:
            OSError: one can't be written, or another process writes; the months before it are written.
            LedgerFaultError: the ledger contradicts itself.
            StoppedError: asked to stop in the middle.
        """
        if not months:
            return
        self._told_at = time.monotonic()
        self.output.mkdir(parents=True, exist_ok=True)
        try:
            with file_lock(self.output / ".lock", wait=False):
                self._write(set(months), min(months), stop)
        except HeldElsewhereError as error:
            raise BlockingIOError(f"process {error.holder} writes to {self.output} now") from error

    def _write(self, missing: set[str], first: str, stop: StopFlag) -> None:
        folder: MonthFolder | None = None
        try:
            for record in self._records(first):
                key = ledger.decode_key(record.key or b"")
                if not isinstance(key, InvoiceKey | MonthCloseKey) or key.month not in missing:
                    continue
                if folder and folder.month != key.month:
                    raise LedgerFaultError(f"the ledger has no month close of {folder.month} before {key.month}")
                folder = folder or MonthFolder(self.output, key.month, self._steps)
                if isinstance(key, InvoiceKey):
                    folder.add(ledger.decode_invoice(record.value or b""))
                    self._tell(folder)
                else:
                    self._finish(folder, ledger.decode_close(record.value or b""))
                    missing.discard(key.month)
                    folder = None
                    if not missing:
                        return
                if stop.requested:
                    raise StoppedError
        finally:
            if folder:
                folder.abandon()

    def _tell(self, folder: MonthFolder) -> None:
        """Log now and then how far a long one has come."""
        if time.monotonic() - self._told_at >= LOG_EVERY_SECONDS:
            self._told_at = time.monotonic()
            logger.info("files are being written", month=folder.month, invoices=folder.invoices)

    def _finish(self, folder: MonthFolder, close: MonthClose) -> None:
        folder.finish(close)
        self._complete.add(close.month)
        logger.info("files written", month=close.month, invoices=close.invoices, folder=self.output / close.month)
