"""Shows how far the closing of a month has come: a bar on a terminal, a log line now and then otherwise."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from billing.runtime.logs import get_logger
from invoicer.closer import CloseReport

logger = get_logger(__name__)

LOG_EVERY_SECONDS = 5.0


class CloseReporter:
    """Told at the start and of each chunk; a context manager that leaves the terminal tidy."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = _make_bar(console) if sys.stderr.isatty() else None
        self._task: TaskID | None = None
        self._logged_at = time.monotonic()

    def __enter__(self) -> "CloseReporter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, report: CloseReport) -> None:
        """Show it."""
        if self._bar:
            self._show(self._bar, report)
        elif report.done == 0 or time.monotonic() - self._logged_at >= LOG_EVERY_SECONDS:
            self._logged_at = time.monotonic()
            logger.info(
                "closing",
                month=report.month,
                customers=report.done,
                of=report.candidates,
                issued=report.closing.invoices,
            )

    def _show(self, bar: Progress, report: CloseReport) -> None:
        if self._task is None:
            bar.start()
            self._task = bar.add_task("")
        bar.update(
            self._task,
            description=f"Closing {report.month}",
            completed=report.done,
            total=report.candidates,
            issued=report.closing.invoices,
        )
        if report.done >= report.candidates:
            bar.stop()
            bar.remove_task(self._task)
            self._task = None


def _make_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("customers, {task.fields[issued]} invoices"),
        TimeRemainingColumn(),
        console=console,
    )
