"""A process that stops the brokers of a Python process which died without doing so itself.

Run as a script, with a pipe from that process as its standard input: `+PID` and `-PID` lines say which processes it
answers for. The pipe ends when that process does, however it died; what is then still on the list gets SIGTERM, and
SIGKILL if it takes too long. Needs nothing but the standard library, and works on every Unix.
"""

import os
import signal
import sys
import time
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

TERM_TIMEOUT_SECONDS = 15.0


class Guard:
    """The owner's end: start it, tell it of each process, close it."""

    def __init__(self) -> None:
        # In a session of its own, so that Ctrl-C in the terminal does not reach it.
        self._process = Popen(
            [sys.executable, "-I", Path(__file__)], stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )

    def watch(self, pid: int) -> None:
        """From now on, `pid` is stopped when this process dies."""
        self._tell(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """Leave `pid` alone: it has ended, and the number may come to mean another process."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """Stop what is still watched, then end."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode("ascii"))
            self._process.stdin.flush()
        except BrokenPipeError:
            # Someone killed the guard. The pid files still let the next start find what was left.
            return


def stop_processes(pids: set[int], timeout_seconds: float = TERM_TIMEOUT_SECONDS) -> None:
    """End processes that are not children of this one: SIGTERM, and after `timeout_seconds` SIGKILL."""
    _signal_all(pids, signal.SIGTERM)
    deadline = time.monotonic() + timeout_seconds
    while pids and time.monotonic() < deadline:
        pids = {pid for pid in pids if is_running(pid)}
        time.sleep(0.1)
    _signal_all(pids, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Say whether there is a process `pid`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal_all(pids: set[int], signal_number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except (ProcessLookupError, PermissionError):
            continue


def _main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            watched.add(pid)
        else:
            watched.discard(pid)
    stop_processes(watched)


if __name__ == "__main__":
    _main()
