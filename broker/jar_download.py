"""Fetching jar files through the library `jgo`, several at once, each checked before it counts."""

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from billing.runtime.logs import get_logger
from broker.errors import BrokerError
from broker.jar_lock import Jar

logger = get_logger(__name__)

PARTIAL_PREFIX = ".partial-"
_PARALLEL_DOWNLOADS = 6
_TRIES = 3
_PAUSE_BETWEEN_TRIES_SECONDS = 1.0
_REQUEST_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Downloaded:
    """How far a download is: whole files, and bytes of whole and unfinished ones."""

    jars_done: int
    jars_total: int
    bytes_done: int


ReportDownload = Callable[[Downloaded], None]


class JarDownload:
    """One download of several jars into a folder that exists; it is used once."""

    def __init__(self, jars: Sequence[Jar], folder: Path, report: ReportDownload | None = None) -> None:
        self._jars = jars
        self._folder = folder
        self._report = report or (lambda _: None)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._jars_done = 0
        self._bytes_done = 0

    def run(self) -> None:
        """Fetch all jars; each appears under its name in one step, when it is whole.

        Raises:
            BrokerError: one could not be had. Those done by then stay.
            OSError: the folder cannot be written.
        """
        self._tell()
        with ThreadPoolExecutor(_PARALLEL_DOWNLOADS, thread_name_prefix="jar-download") as pool:
            try:
                for finished in [pool.submit(self._fetch, jar) for jar in self._jars]:
                    finished.result()
            except BaseException:
                self._stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch(self, jar: Jar) -> None:
        failure = "no try was made"
        for _ in range(_TRIES):
            try:
                self._try_to_fetch(jar)
            except _CannotFetchError as error:
                failure = str(error)
                logger.info("download failed", jar=jar.file_name, error=failure)
            else:
                with self._lock:
                    self._jars_done += 1
                self._tell()
                return
            if self._stopping.wait(_PAUSE_BETWEEN_TRIES_SECONDS):
                break
        raise BrokerError(
            f"cannot download {jar.file_name} ({jar.group}) of Apache Kafka: {failure}; "
            "check the network and try again: what is already there is kept"
        )

    def _try_to_fetch(self, jar: Jar) -> None:
        # A folder of its own on the same file system: the finished file moves to its place in one step.
        with tempfile.TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=self._folder) as scratch:
            fetched = self._fetch_with_jgo(jar, Path(scratch))
            with fetched.open("rb") as file:
                checksum = hashlib.file_digest(file, "sha256").hexdigest()
            if checksum != jar.sha256:
                raise _CannotFetchError(f"its SHA-256 is {checksum}, but {jar.sha256} is locked")
            fetched.replace(self._folder / jar.file_name)

    def _fetch_with_jgo(self, jar: Jar, repository: Path) -> Path:
        try:
            import requests
            from jgo.config import GlobalSettings
            from jgo.constants import MAVEN_CENTRAL_URL
            from jgo.maven import MavenContext, PythonResolver
        except ImportError as error:
            raise BrokerError(
                "Apache Kafka is not here yet, and what downloads it is not installed: "
                "install the extra `queryable-billing[broker]`"
            ) from error
        context = MavenContext(
            resolver=PythonResolver(progress_callback=self._count_bytes),
            repo_cache=repository,
            local_repos=[],
            # A mirror that the user has told jgo about is used here as well.
            remote_repos={"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories},
            timeout=_REQUEST_TIMEOUT_SECONDS,
        )
        try:
            return context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (requests.RequestException, RuntimeError) as error:
            raise _CannotFetchError(_short(error)) from error

    @contextmanager
    def _count_bytes(self, _file_name: str, _total_bytes: int) -> Iterator[Callable[[int], None]]:
        counted = 0

        def count(chunk_bytes: int) -> None:
            nonlocal counted
            if self._stopping.is_set():
                raise _CannotFetchError("the download was stopped")
            counted += chunk_bytes
            with self._lock:
                self._bytes_done += chunk_bytes
            self._tell()

        try:
            yield count
        except BaseException:
            with self._lock:
                self._bytes_done -= counted
            raise

    def _tell(self) -> None:
        with self._lock:
            self._report(Downloaded(self._jars_done, len(self._jars), self._bytes_done))


class _CannotFetchError(Exception):
    """One try at one jar failed."""


def _short(error: Exception) -> str:
    """Return the innermost reason of a failed request: the outer ones repeat it at length."""
    innermost: BaseException = error
    while (cause := innermost.__cause__ or innermost.__context__) is not None:
        innermost = cause
    return f"{type(innermost).__name__}: {innermost}"
