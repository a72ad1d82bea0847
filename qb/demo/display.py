"""Where the snapshot goes: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live

from qb.demo.plain import EVERY_SECONDS, plain_line
from qb.demo.screen import render
from qb.demo.snapshot import Snapshot


class Display(Protocol):
    """Shows boards."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the newest."""
        ...


class LiveTable:
    """A table that is drawn over again in place."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, snapshot: Snapshot) -> None:
        """Draw it over what was there."""
        size = self._live.console.size
        self._live.update(render(snapshot, size.width, size.height - 1), refresh=True)


class PlainLines:
    """A line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due = 0.0

    def show(self, snapshot: Snapshot) -> None:
        """Print it if it is time for a line."""
        if (now := time.monotonic()) >= self._due and not snapshot.note:
            self._due = now + EVERY_SECONDS
            self._console.print(plain_line(snapshot), soft_wrap=True, markup=False, highlight=False)


@contextmanager
def open_display(console: Console) -> Iterator[Display]:
    """Give the display that suits where the console writes; the last table stays there when it closes."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield LiveTable(live)
