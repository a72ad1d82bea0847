"""Starts commands of `qb`, many at a time, each with a log of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.forking import start_process


@dataclass(frozen=True)
class Started:
    """A command that was started.

    Args:
        process: it.
        log: what it writes to standard output and standard error.
    """

    process: "subprocess.Popen[Any]"
    log: Path

    @property
    def text(self) -> str:
        """What it has written so far."""
        return self.log.read_text("utf-8", "replace")

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal); None while it runs."""
        return self.process.poll()

    def wait(self, timeout_seconds: float) -> int:
        """Wait until it has ended and return its exit code."""
        deadline = time.monotonic() + timeout_seconds
        while (code := self.exit_code) is None:
            assert time.monotonic() < deadline, f"{self.log.stem} runs on after {timeout_seconds} s:\n{self.text}"
            time.sleep(0.02)
        return code

    def exporter_url(self, timeout_seconds: float) -> str:
        """Wait until this, which is an exporter, is ready, and return its address."""
        deadline = time.monotonic() + timeout_seconds
        while "exporter ready" not in self.text:
            assert self.exit_code is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.05)
        return self.text.partition("url=")[2].split()[0]

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal if it still runs."""
        if self.exit_code is None:
            self.process.send_signal(number)


class ForkedQb:
    """Starts commands. Use it as a context manager: leaving it ends all that it has started.

    Threads may start commands at the same time.

    Args:
        folder: where the commands' logs go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()
        self._started: list[Started] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._started:
            one.end()
            one.process.wait()

    def start(self, argv: Sequence[str], environment: Mapping[str, str]) -> Started:
        """Start `qb` with these arguments, in this environment and the tests' own."""
        path = self._folder / f"{next(self._numbers):03}-{argv[0]}.log"
        with path.open("wb") as log:
            process = start_process("qb", *argv, environment={**os.environ, **environment}, stdout=log, stderr=log)
        started = Started(process, path)
        self._started.append(started)
        return started
