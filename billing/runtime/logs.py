"""Log lines of the parts: time, level, logger, then a constant message with key=value facts."""

import logging
import sys


def configure_logging(level: str = "INFO") -> None:
    """Send the log lines of this process to standard error.

    Args:
        level: the least severe level written: DEBUG, INFO, WARNING or ERROR.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
