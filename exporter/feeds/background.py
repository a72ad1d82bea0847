"""Threads that must not die in silence."""

import threading
from collections.abc import Callable
from typing import Protocol

from confluent_kafka import KafkaException

from billing.errors import OperatorError
from billing.runtime.logs import get_logger

logger = get_logger(__name__)

_JOIN_SECONDS = 3.0


class Job(Protocol):
    """Something to run until a flag is set."""

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; an exception is a failure."""
        ...


class Background:
    """Runs jobs in threads of their own, and tells when one fails.

    Args:
        on_failure: called with the exception, in the thread that failed.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, job: Job) -> None:
        """Run a job from now on."""
        # Daemons: a broker that does not answer must not keep the process from ending.
        thread = threading.Thread(target=self._run, args=(job,), name=type(job).__name__, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Ask all jobs to end, and wait a little for them."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _run(self, job: Job) -> None:
        try:
            job.run(self._stop)
        except Exception as error:
            if isinstance(error, OperatorError | KafkaException):
                logger.error("background job failed", job=type(job).__name__, error=str(error))
            else:
                logger.exception("background job failed", job=type(job).__name__)
            self._on_failure(error)
