"""What the demo runs: parts as processes of their own, and Kafka."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from broker.guard import Guard
from broker.kafka_broker import KafkaBroker

STOP_SECONDS = 10.0
_WORST = (" ERROR ", " FATAL ", "qb: ")


class Service(Protocol):
    """Something that runs until it is stopped."""

    name: str
    log_file: Path

    def start(self) -> None:
        """Start it, or start it again."""
        ...

    def is_alive(self) -> bool:
        """Say whether it runs."""
        ...

    def stop(self) -> None:
        """Ask it to end, and make it end if it does not in time."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Part:
    """A process of its own, whose output goes to `log_file`.

    In a session of its own, so that Ctrl-C in the terminal reaches only the demo, which stops all in order. The guard
    ends it when the demo dies without doing so.

    Args:
        name: what people call it.
        command: what runs it.
        environment: all variables.
        log_file: of this demo; what the demo before wrote is beside it, as `.old`.
        guard: tells when the demo has died.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log_file: Path, guard: Guard
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._command = list(command)
        self._environment = dict(environment)
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None
        if log_file.exists():
            os.replace(log_file, log_file.with_suffix(".log.old"))

    def start(self) -> None:
        """Start the process; a log that is there is continued."""
        self.stop()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.watch(self._process.pid)

    def is_alive(self) -> bool:
        """Say whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if it has not ended in time. Harmless if it does not run."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._guard.forget(self._process.pid)
        self._process = None

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
        self.stop()


class Kafka:
    """The embedded broker, which has been started, as a service among the others."""

    name = "kafka"

    def __init__(self, broker: KafkaBroker) -> None:
        self.log_file = broker.directory / "node-0" / "kafka.log"
        self._broker = broker

    def start(self) -> None:
        """Start the node again if it does not run."""
        if not self._broker.alive():
            self._broker.restart_node()

    def is_alive(self) -> bool:
        """Say whether the node runs."""
        return self._broker.alive()

    def stop(self) -> None:
        """Stop it in order."""
        self._broker.stop()

    def kill(self) -> None:
        """End it at once."""
        self._broker.stop(timeout_seconds=0)


def qb_command(*arguments: str) -> list[str]:
    """Return the command line of one of our own commands, in this very Python."""
    return [sys.executable, "-m", "qb", *arguments]


def last_words(log_file: Path, lines: int = 5) -> list[str]:
    """Return the last lines of a log that are worth showing: those that tell of an error, if there are any."""
    try:
        with log_file.open(encoding="utf-8", errors="replace") as text:
            tail = [line.rstrip() for line in deque(text, maxlen=200) if line.strip()]
    except OSError:
        return []
    telling = [line for line in tail if any(word in line or line.startswith(word) for word in _WORST)]
    return (telling or tail)[-lines:]
