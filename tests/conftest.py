"""What all tests share: a real Apache Kafka, and names that no other test uses.

Environment:
    QB_BOOTSTRAP_SERVERS: use this cluster instead of starting one. The tests make topics and groups in it.
    QB_REQUIRE_TOOLS: with `1`, a skipped test fails the run, so that CI notices a tool that is not installed.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import pytest

from broker.kafka_broker import KafkaBroker
from broker.kafka_config import NodeSize
from broker.ports import free_port

pytest_plugins = ["tests.run_report", "tests.distribution", "tests.forking"]

# Brokers under test live for seconds or minutes: a quick compiler costs less than it saves. Java reads this itself, so
# that the brokers of a demo or a command under test have it too. The one that all tests share lives on.
_JAVA_OPTIONS = "JDK_JAVA_OPTIONS"
_WITHOUT = os.environ.get(_JAVA_OPTIONS, "")
os.environ[_JAVA_OPTIONS] = f"{_WITHOUT} -XX:TieredStopAtLevel=1".strip()

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("tests", deadline=None)
# For `make test`: see tests/examples.py.
hypothesis.settings.register_profile("quick", deadline=None, max_examples=30)
hypothesis.settings.load_profile("tests")

_SERVERS = "bootstrap_servers"

# All tests share a broker, and each makes topics of its own there: thousands of partitions at the end of a run.
# None stops it, and a disk that others keep busy may hold its controller up for long.
_SIZE = NodeSize(heap_mib=1_024, session_timeout_ms=60_000)


@dataclass(frozen=True)
class Kafka:
    """The cluster that the tests share: none of them stops or kills it."""

    bootstrap_servers: str


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A cluster that answers: one node of Apache Kafka, or the one that QB_BOOTSTRAP_SERVERS names.

    The processes of pytest-xdist share the one that their starter runs.
    """
    told = getattr(request.config, "workerinput", {})
    if servers := os.environ.get("QB_BOOTSTRAP_SERVERS") or told.get(_SERVERS):
        yield Kafka(servers)
        return
    with KafkaBroker(tmp_path_factory.mktemp("kafka"), free_port(), size=_SIZE) as broker:
        yield Kafka(broker.bootstrap_servers)


def new_name() -> str:
    """Make a short name of letters and digits that nobody else gets, in this run or another."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def unique_name() -> str:
    """A name that no other test gets."""
    return new_name()


@pytest.fixture
def topic_prefix(unique_name: str) -> str:
    """What to put before the names of this test's topics: they are then its own."""
    return f"{unique_name}."


class _SharedKafka:
    """Runs one Kafka for all processes of pytest-xdist, from before the first starts until after the last ended."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._servers = os.environ.get("QB_BOOTSTRAP_SERVERS", "")

    def pytest_configure_node(self, node: Any) -> None:
        if not self._servers:
            folder = self._resources.enter_context(TemporaryDirectory(prefix="qb-tests-kafka-"))
            broker = KafkaBroker(Path(folder), free_port(), size=_SIZE)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(_JAVA_OPTIONS, _WITHOUT)
                self._servers = self._resources.enter_context(broker).bootstrap_servers
        node.workerinput[_SERVERS] = self._servers

    def pytest_unconfigure(self) -> None:
        self._resources.close()


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_SharedKafka())
