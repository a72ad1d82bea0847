"""Files are written beside the closing of months."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from billing.invoice import MonthClose
from billing.runtime.signals import NEVER, StopFlag
from invoicer.files.archive import Archive
from invoicer.files.background import BackgroundFiles
from invoicer.files.keeper import FileKeeper
from invoicer.files.month_folder import LedgerFaultError
from invoicer.metrics import InvoicerMetrics


class SlowKeeper(FileKeeper):
    """Stands for a disk that hangs until it is told to go on, and then fails."""

    def __init__(self) -> None:
        super().__init__(Archive(Path("/nowhere"), lambda first_month: []), InvoicerMetrics(CollectorRegistry()), 1)
        self.calls = 0
        self.go_on = threading.Event()

    def keep(self, closes: Mapping[str, MonthClose], stop: StopFlag) -> bool:
        self.calls += 1
        while not self.go_on.wait(0.01):
            if stop.requested:
                return False
        raise LedgerFaultError("the ledger contradicts itself")


def test_a_disk_that_hangs_holds_nobody_up() -> None:
    """Looking returns at once while the disk hangs, does not begin twice, and raises later what went wrong."""
    keeper = SlowKeeper()
    with BackgroundFiles(keeper, NEVER) as files:
        for _ in range(3):
            files.start_if_due({})
        assert keeper.calls == 1
        keeper.go_on.set()
        with pytest.raises(LedgerFaultError):
            keep_for_ever(files)


def test_leaving_ends_the_writing() -> None:
    """A session that is lost does not wait for the disk."""
    with BackgroundFiles(SlowKeeper(), NEVER) as files:
        files.start_if_due({})


def keep_for_ever(files: BackgroundFiles) -> None:
    """Start the files again and again until that raises; return if it does not in time."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        files.start_if_due({})
