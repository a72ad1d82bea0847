"""A program under measurement: pinned to cores, its output in a file, its CPU time and memory read from the kernel."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.ports import free_port

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_LAST_WORDS = 2_000
_STOP_SECONDS = 60


class ChildError(Exception):
    """A program under measurement ended, or did not come to what was waited for: the message has its last words."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far, in user and kernel mode; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


class Child:
    """A running program. Leaving it stops it.

    Args:
        command: the program and its arguments.
        cores: where it may run.
        log: file for what it writes.
        environment: variables beside those of this process.
    """

    def __init__(
        self, command: Sequence[str], cores: Sequence[int], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                ["taskset", "--cpu-list", ",".join(map(str, cores)), *command],
                env={**os.environ, **(environment or {})}, stdout=file, stderr=file,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def require_running(self) -> None:
        """Do nothing while it runs.

        Raises:
            ChildError: it has ended.
        """
        if self.ended:
            raise ChildError(f"ended with exit code {self._process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what it wrote."""
        return self._log.read_text("utf-8", "replace")[-_LAST_WORDS:]

    def stop(self) -> None:
        """Tell it to stop and wait until it has."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def cpu_seconds(self) -> float:
        """Return the CPU time that it has used so far, in user and kernel mode; 0 when it has ended."""
        return cpu_seconds(self._process.pid)

    def memory_mib(self, peak: bool = True) -> float:
        """Return its resident memory, the most there was or what there is; 0 when it has ended."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        except OSError:
            return 0.0
        found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+([0-9]+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


class Part(Child):
    """A part of the product, as its command line starts it.

    Args:
        command: of `qb`.
        cores: where it may run.
        log: file for what it writes.
        environment: its settings.
        port_variable: the setting that is its HTTP port.
    """

    def __init__(
        self, command: str, cores: Sequence[int], log: Path, environment: Mapping[str, str], port_variable: str
    ) -> None:
        self.port = free_port()
        whole = {**environment, port_variable: str(self.port), "QB_LOG_LEVEL": "WARNING"}
        super().__init__([sys.executable, "-m", "qb", command], cores, log, whole)

    def get(self, path: str) -> bytes | None:
        """Return what it serves under a path, None if it does not answer or not yet."""
        try:
            with urllib.request.urlopen(f"http://localhost:{self.port}{path}", timeout=30) as answer:
                body: bytes = answer.read()
                return body
        except OSError:
            return None

    def metric(self, name: str) -> float | None:
        """Return the sum of a metric's series, None if it does not answer or has none."""
        body = self.get("/metrics")
        lines = [] if body is None else body.decode().splitlines()
        values = [float(line.split()[-1]) for line in lines if re.match(rf"{name}[{{ ]", line)]
        return sum(values) if values else None
