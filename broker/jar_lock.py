"""Which files Apache Kafka consists of.

`jgo.toml` says what is wanted, `jgo.lock.toml` which files that is, each with its SHA-256. After a change of the
former, `python -m broker.jar_lock` writes the latter anew.
"""

import tempfile
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SPEC_FILE = Path(__file__).with_name("jgo.toml")
LOCK_FILE = Path(__file__).with_name("jgo.lock.toml")


@dataclass(frozen=True)
class Jar:
    """One locked file: its Maven coordinates and the SHA-256 of its bytes, in hex."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


@cache
def locked_jars() -> tuple[Jar, ...]:
    """Return what the lock file names, in its order, which is that of the class path."""
    lock = tomllib.loads(LOCK_FILE.read_text("utf-8"))
    return tuple(Jar(d["groupId"], d["artifactId"], d["version"], d["sha256"]) for d in lock["dependencies"])


def kafka_version() -> str:
    """Return the version of Apache Kafka in the lock file, such as 4.3.1."""
    return next(jar.version for jar in locked_jars() if jar.artifact.startswith("kafka_"))


def write_lock() -> None:
    """Resolve `jgo.toml` and write `jgo.lock.toml`; needs the network, no Maven, and takes about 15 s."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch, "repository"), local_repos=[])
        builder = EnvironmentBuilder(context=context, cache_dir=Path(scratch, "cache"))
        builder.resolve_lockfile(EnvironmentSpec.load(SPEC_FILE)).save(LOCK_FILE)


if __name__ == "__main__":
    write_lock()
