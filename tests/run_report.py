"""What a run of the tests tells at its end, in one process or in several: skipped tests, and slow ones left out.

Processes of pytest-xdist hand over what they know in `workeroutput`; the one that started them tells it.
"""

import os
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

SLOW = "slow"


class RunReport:
    """What this run skipped, and how many slow tests of each kind it left out."""

    def __init__(self) -> None:
        self.skipped: set[str] = set()
        self.left_out: Counter[str] = Counter()


_report = RunReport()


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_FromWorkers())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _report.skipped.add(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _report.skipped.add(report.nodeid)


def pytest_deselected(items: Iterable[pytest.Item]) -> None:
    _report.left_out.update(kind_of(marker) for item in items if (marker := item.get_closest_marker(SLOW)))


def kind_of(marker: pytest.Mark) -> str:
    """Return what a slow test is about."""
    (kind,) = marker.args
    return str(kind)


class _FromWorkers:
    """Takes over what the processes of pytest-xdist hand over."""

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        told = getattr(node, "workeroutput", {})
        _report.skipped.update(told.get("skipped", ()))
        # Each process collects all tests: their numbers are the same.
        _report.left_out = Counter(told.get("left_out", _report.left_out))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {"skipped": sorted(_report.skipped), "left_out": dict(_report.left_out)}
    elif _report.skipped and _tools_required() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _tools_required():
        for nodeid in sorted(_report.skipped):
            terminalreporter.write_line(f"SKIPPED, though QB_REQUIRE_TOOLS=1 allows no skips: {nodeid}", red=True)
    if _report.left_out:
        kinds = ", ".join(f"{count} of {kind}" for kind, count in sorted(_report.left_out.items()))
        terminalreporter.write_line(f"`make check` adds {_report.left_out.total()} slow tests: {kinds}")


def _tools_required() -> bool:
    return os.environ.get("QB_REQUIRE_TOOLS") == "1"
