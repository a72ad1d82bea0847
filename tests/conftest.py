"""What all tests share: a real Apache Kafka, names that no other test uses, and a strict eye on skipped tests.

Environment:
    QB_BOOTSTRAP_SERVERS: use this cluster instead of starting one. The tests make topics and groups in it.
    QB_REQUIRE_TOOLS: with `1`, a skipped test fails the run, so that CI notices a tool that is not installed.
"""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from broker.kafka_broker import KafkaBroker
from broker.ports import free_port


@dataclass(frozen=True)
class Kafka:
    """The cluster that the tests share: none of them stops or kills it."""

    bootstrap_servers: str


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A cluster that answers: one node of Apache Kafka, or the one that QB_BOOTSTRAP_SERVERS names."""
    if servers := os.environ.get("QB_BOOTSTRAP_SERVERS"):
        yield Kafka(servers)
        return
    with KafkaBroker(tmp_path_factory.mktemp("kafka"), free_port()) as broker:
        yield Kafka(broker.bootstrap_servers)


@pytest.fixture
def unique_name() -> str:
    """A short name of letters and digits that no other test gets, in this run or another."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def topic_prefix(unique_name: str) -> str:
    """What to put before the names of this test's topics: they are then its own."""
    return f"{unique_name}."


_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and _tools_required() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _tools_required():
        for nodeid in _skipped:
            terminalreporter.write_line(f"SKIPPED, though QB_REQUIRE_TOOLS=1 allows no skips: {nodeid}", red=True)


def _tools_required() -> bool:
    return os.environ.get("QB_REQUIRE_TOOLS") == "1"
