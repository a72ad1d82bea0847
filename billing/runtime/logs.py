"""One way to log: a constant message with key=value facts, one line each, through one handler.

Whatever else logs in this process (Quix Streams, aiohttp, librdkafka) goes through the same handler, in the same form.
"""

import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from structlog.processors import LogfmtRenderer
from structlog.stdlib import BoundLogger
from structlog.typing import EventDict, WrappedLogger

# Whatever would end the line or command the terminal it is shown on.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Between the line that logs and the standard library's logger there are four calls, three of them of structlog.
_CALLER = 5
# Of each method of a logger.
_LEVELS = {name.lower(): level for name, level in logging.getLevelNamesMapping().items()} | {"exception": logging.ERROR}
_render_facts = LogfmtRenderer(bool_as_flag=False)


def get_logger(name: str) -> BoundLogger:
    """Return the logger of a module, to be called as `logger.info("month closed", month=month, invoices=count)`.

    The message is constant, what changes is a fact; units stand in the fact's name. Facts that are not to be written
    at the level in force cost nothing but the call.

    Args:
        name: the module's `__name__`.
    """
    return _FilteringLogger(logging.getLogger(name), [_message_and_facts], {})


class _FilteringLogger(BoundLogger):
    """Looks at the level before anything is done with the facts."""

    def _proxy_to_logger(self, method_name: str, event: str | None = None, *event_args: str, **event_kw: Any) -> Any:
        if self._logger.isEnabledFor(_LEVELS[method_name]):
            return super()._proxy_to_logger(method_name, event, *event_args, **event_kw)
        return None


def client_logger() -> logging.Logger:
    """Return what takes the lines of librdkafka: each client of ours is given it as its option `logger`."""
    return logging.getLogger("librdkafka")


def silent_client_logger() -> logging.Logger:
    """Return a logger for a client whose failures are no news to anybody."""
    silent = logging.getLogger("librdkafka.silent")
    silent.disabled = True
    return silent


def configure_logging(level: str = "INFO", mask: Callable[[str], str] = str) -> None:
    """Send the log lines of this process to standard error.

    Args:
        level: the least severe level written: DEBUG, INFO, WARNING or ERROR.
        mask: takes out of each line what must not be shown.
    """
    _write_to(logging.StreamHandler(sys.stderr), mask)
    logging.getLogger().setLevel(level)


def log_to_file(path: Path, mask: Callable[[str], str] = str) -> None:
    """Write the log lines of this process to a new file from now on, and nowhere else.

    Args:
        path: the file.
        mask: takes out of each line what must not be shown.
    """
    _write_to(logging.FileHandler(path, "w", encoding="utf-8"), mask)


class LineFormatter(logging.Formatter):
    """Time in UTC, level, logger, message and facts on one line; an exception on the lines after it."""

    def __init__(self, mask: Callable[[str], str] = str) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """Return all lines of a record, without what must not be shown."""
        return self._mask(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (its own name)
        """Return the record's time as RFC 3339, to the millisecond."""
        return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (its own name)
        """Return the line, with control characters escaped: nothing that was logged can look like a line of its own."""
        return _CONTROL.sub(lambda found: repr(found.group())[1:-1], super().formatMessage(record))


def _write_to(handler: logging.Handler, mask: Callable[[str], str] = str) -> None:
    handler.setFormatter(LineFormatter(mask))
    logging.getLogger().handlers[:] = [handler]


def _message_and_facts(_: WrappedLogger, method: str, facts: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """Turn what was logged into the arguments of the standard library's logger."""
    message = facts.pop("event")
    options = {"stacklevel": _CALLER, "exc_info": facts.pop("exc_info", None)}
    return (f"{message} {_render_facts(None, method, facts)}" if facts else message,), options
