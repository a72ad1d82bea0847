"""The class path of Apache Kafka: the locked jars, in a cache folder of the user."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from billing.runtime.file_lock import file_lock
from billing.runtime.logs import get_logger
from broker.errors import BrokerError
from broker.jar_download import PARTIAL_PREFIX, JarDownload, ReportDownload
from broker.jar_lock import Jar, kafka_version, locked_jars

logger = get_logger(__name__)


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder where the jars of the locked version lie for this user; it need not exist yet."""
    base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "queryable-billing" / f"kafka-{kafka_version()}"


def ensure_jars(report: ReportDownload | None = None, folder: Path | None = None) -> list[Path]:
    """Return the class path: every locked jar, present in `folder` (default: the user's cache) and verified.

    Fetches only what is missing or does not have its checksum, so after a failure or a kill the next call goes on
    from the files that were done, and once all are there it needs no network. `report` is called, from several
    threads but one at a time, only if something is fetched.

    Raises:
        BrokerError: a file cannot be had, `jgo` is not installed, or the folder cannot be written.
    """
    folder = folder or cache_folder()
    if _not_whole(folder):
        try:
            _fetch_missing(folder, report)
        except OSError as error:
            raise BrokerError(
                f"cannot write Apache Kafka to {folder}: {error.strerror or error}; "
                "make room there, or set XDG_CACHE_HOME to another folder"
            ) from error
    return [folder / jar.file_name for jar in locked_jars()]


def _fetch_missing(folder: Path, report: ReportDownload | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Whoever comes second waits here, and then finds the files of the first.
    with file_lock(folder / ".lock"):
        # Nobody else downloads while we hold the lock: what lies about is of a download that was killed.
        for leftover in folder.glob(f"{PARTIAL_PREFIX}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if missing := _not_whole(folder):
            logger.info("download starts", kafka=kafka_version(), jars=len(missing), folder=folder)
            JarDownload(missing, folder, report).run()
            logger.info("download done", kafka=kafka_version(), jars=len(missing), folder=folder)


def _not_whole(folder: Path) -> list[Jar]:
    return [jar for jar in locked_jars() if _checksum(folder / jar.file_name) != jar.sha256]


def _checksum(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
