"""Starts commands of `qb` many times and quickly: a process that has imported all parts forks for each start."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

_FAULT = 70
_START_SECONDS = 180.0


@dataclass(frozen=True)
class Started:
    """A command that was started; its files lie beside each other.

    Args:
        log: what it writes to standard output and standard error.
    """

    log: Path

    @property
    def text(self) -> str:
        """What it has written so far."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal); None while it runs."""
        code = self.log.with_suffix(".code")
        return int(code.read_text()) if code.exists() else None

    def wait(self, timeout_seconds: float) -> int:
        """Wait until it has ended and return its exit code."""
        deadline = time.monotonic() + timeout_seconds
        while (code := self.exit_code) is None:
            assert time.monotonic() < deadline, f"{self.log.stem} runs on after {timeout_seconds} s:\n{self.text}"
            time.sleep(0.02)
        return code

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal if it still runs."""
        pid = self.log.with_suffix(".pid")
        if self.exit_code is None and pid.exists():
            os.kill(int(pid.read_text()), number)


class ForkedQb:
    """The process that forks. Use it as a context manager: leaving it ends all that it has started.

    Threads may start commands at the same time.

    Args:
        folder: where the commands' files go.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._numbers = count()
        self._lock = Lock()
        self._started: list[Started] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.access.forked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._started:
            one.end()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)

    def start(self, argv: Sequence[str], environment: Mapping[str, str]) -> Started:
        """Start `qb` with these arguments, with no other environment than this one and the tests' own."""
        log = self._folder / f"{next(self._numbers):03}-{argv[0]}.log"
        environment = {**os.environ, **environment}
        asked = json.dumps({"argv": list(argv), "environment": environment, "log": str(log)})
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(asked + "\n")
            self._process.stdin.flush()
        started = Started(log)
        self._started.append(started)
        deadline = time.monotonic() + _START_SECONDS
        while not log.with_suffix(".pid").exists():
            assert time.monotonic() < deadline, "no process was forked"
            time.sleep(0.005)
        return started


def _run(argv: list[str]) -> int:
    try:
        return int(import_module("qb.cli").main(argv))
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return _FAULT


def _fork(asked: Mapping[str, object]) -> None:
    """Fork a process that watches over one that runs the command."""
    if os.fork():
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = Path(str(asked["log"]))
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if pid := os.fork():
        _write(log.with_suffix(".pid"), str(pid))
        _, status = os.waitpid(pid, 0)
        _write(log.with_suffix(".code"), str(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    os.environ.clear()
    os.environ.update(asked["environment"])  # type: ignore[call-overload]
    code = _run(list(asked["argv"]))  # type: ignore[call-overload]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _write(file: Path, text: str) -> None:
    new = file.with_suffix(f"{file.suffix}.new")
    new.write_text(text)
    new.rename(file)


def _main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for command in import_module("qb.cli").COMMANDS:
        import_module(command.module)
    print("ready", flush=True)
    for line in sys.stdin:
        _fork(json.loads(line))


if __name__ == "__main__":
    _main()
