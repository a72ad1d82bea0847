"""Runs commands as processes that need not import anything: forks of one that has, and otherwise as `python -m` would.

A start imports for a second or two, and tests start hundreds of processes. What tests of the start itself run, and of
the demo, is started by Python all the same.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, Any

ROOT = Path(__file__).parents[1]

File = int | IO[Any] | None
MESSAGE_BYTES = 131_072
PAUSE_SECONDS = 0.02


class ForkServer:
    """The process that is forked; it ends with this one."""

    def __init__(self) -> None:
        self._asking = Lock()
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # A process with one thread is forked whole.
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
                cwd=ROOT, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def fork(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], files: Sequence[int]) -> int:
        """Start a process with these files as its input, output and errors, the end told to the last; return its id."""
        wanted = {
            "module": module, "arguments": list(arguments), "environment": dict(environment), "folder": os.getcwd(),
        }  # fmt: skip
        with self._asking:
            socket.send_fds(self._requests, [json.dumps(wanted).encode()], files)
            return int(self._requests.recv(MESSAGE_BYTES))

    def close(self) -> None:
        """Let it end, and with it what it has started."""
        self._requests.close()
        self._process.wait()


@cache
def fork_server() -> ForkServer:
    """Return the one of this process."""
    return ForkServer()


def pytest_sessionfinish() -> None:
    """Let the server end, if there is one."""
    if fork_server.cache_info().currsize:
        fork_server().close()
        fork_server.cache_clear()


class Forked(subprocess.Popen[Any]):
    """A process as `subprocess` has them, but the server's child: the server tells how it ended."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], **files: Any) -> None:
        self._environment = environment
        self._looking = Lock()
        self._end, self._told = os.pipe()
        super().__init__(arguments, **files)

    def _execute_child(self, arguments: list[str], *rest: Any) -> None:
        """Do what the base class leaves to the system, with the pipes that it has made."""
        handles = rest[9:15]
        files = [own if given == -1 else given for own, given in enumerate((handles[0], handles[3], handles[5]))]
        try:
            self.pid = fork_server().fork(arguments[0], arguments[1:], self._environment, [*files, self._told])
        finally:
            os.close(self._told)
        self._child_created = True
        self._close_pipe_fds(*handles)  # type: ignore[attr-defined]

    def poll(self) -> int | None:
        """Return how it ended, None if it has not."""
        with self._looking:
            if self.returncode is None and select.select([self._end], [], [], 0)[0]:
                self.returncode = int(os.read(self._end, 16))
                os.close(self._end)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return how."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(PAUSE_SECONDS)
        return code


def start_process(
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    stdout: File = None,
    stderr: File = None,
    text: bool | None = None,
) -> "subprocess.Popen[Any]":
    """Start ``python -m MODULE ARGUMENTS`` in an environment; what comes of it is as from `subprocess`."""
    if sys.platform == "linux":
        return Forked([module, *arguments], environment, stdout=stdout, stderr=stderr, text=text)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr, text=text)


def run_process(
    module: str, *arguments: str, environment: Mapping[str, str], timeout_seconds: float = 180.0
) -> "subprocess.CompletedProcess[str]":
    """Run ``python -m MODULE ARGUMENTS`` to its end, and return how it ended and what it said."""
    pipe = subprocess.PIPE
    with start_process(module, *arguments, environment=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            said, complaints = process.communicate(timeout=timeout_seconds)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, said, complaints)
