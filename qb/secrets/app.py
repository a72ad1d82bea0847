"""`qb secrets`: the secrets of a deployment, each in a folder that only its service has."""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from billing.errors import OperatorError
from billing.runtime.logs import get_logger
from billing.runtime.signals import Stop, stop_on_signals
from billing.settings import Settings
from qb.secrets.folders import Handing, Store
from qb.secrets.handout import Handout

logger = get_logger(__name__)

STORE = "store"
_EVERY_SECONDS = 5.0


def run(_: Settings, arguments: argparse.Namespace) -> int:
    """Make and hand out what is missing; with `--watch`, go on until SIGINT or SIGTERM. Return 0.

    Raises:
        OperatorError: a folder cannot be written, or a kept file cannot be used.
    """
    folder: Path = arguments.dir
    handout = Handout(Store(folder / STORE), Handing(folder), lambda: datetime.now(UTC))
    with stop_on_signals() as stop:
        _renew(handout, folder)
        if arguments.ready_file is not None:
            _tell(arguments.ready_file)
        while arguments.watch and not stop.requested:
            _wait(stop)
            _renew(handout, folder)
    return 0


def _renew(handout: Handout, folder: Path) -> None:
    try:
        handout.renew()
    except OSError as error:
        raise OperatorError(f"cannot work in {folder}: {error}; give --dir a folder of your own") from None


def _tell(path: Path) -> None:
    try:
        path.touch()
    except OSError as error:
        raise OperatorError(f"cannot write {path} (--ready-file): {error.strerror}") from None
    logger.info("all is handed out")


def _wait(stop: Stop) -> None:
    until = time.monotonic() + _EVERY_SECONDS
    while not stop.requested and time.monotonic() < until:
        time.sleep(0.1)
