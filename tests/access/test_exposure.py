"""What is open to the network says so; what is not set listens on this machine only."""

import logging

import pytest
from prometheus_client import CollectorRegistry

from billing.access.hosts import is_loopback, is_own_host
from billing.runtime.access.exposure import RUNBOOK, show_exposure
from billing.runtime.part_server import Listening, part_served
from billing.settings import Settings
from exporter.app import build
from exporter.web.context import CONTEXT

HOSTS = sorted(name for name in Settings.model_fields if name.endswith("_host"))
PARTS = ("processor", "invoicer", "budgets", "notifier")


@pytest.mark.parametrize(
    ("listening", "local"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("localhost", True), ("LOCALHOST", True), ("::1", True), ("[::1]", True),
     ("::ffff:127.0.0.1", True), ("0.0.0.0", False), ("::", False), ("", False), ("10.1.2.3", False),
     ("::ffff:10.1.2.3", False), ("billing.example", False), ("localhost.example", False), ("fe80::1", False)],
)  # fmt: skip
def test_which_addresses_only_this_machine_reaches(listening: str, local: bool) -> None:
    """A name that is not localhost may lead anywhere, and so does an empty one."""
    assert is_loopback(listening) is local


def test_by_default_only_this_machine_reaches_anything() -> None:
    """Every setting of an address that is listened on."""
    assert HOSTS == ["budgets_host", "exporter_host", "invoicer_host", "notifier_host", "processor_host"]
    for name in HOSTS:
        assert is_loopback(getattr(Settings(), name)), name


@pytest.mark.parametrize(
    ("host", "controlled", "shown"),
    [("127.0.0.1", False, 1), ("0.0.0.0", False, 0), ("0.0.0.0", True, 1), ("::1", True, 1)],
)
def test_open_to_the_network_is_shown_and_said(
    host: str, controlled: bool, shown: float, caplog: pytest.LogCaptureFixture
) -> None:
    """With what is wrong, where, and what to do; nothing is said where all is well."""
    registry = CollectorRegistry()
    show_exposure(registry, host, "processor_host", lambda: controlled)
    assert registry.get_sample_value("billing_access_control") == shown
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == (shown == 0)
    for wanted in ("turn access control on", f"listens_on={host}", "setting=processor_host", RUNBOOK):
        assert all(wanted in warning for warning in warnings)


def test_access_control_that_goes_off_while_it_runs_shows() -> None:
    """The metric is asked anew at each scrape."""
    registry, controlled = CollectorRegistry(), [True]
    show_exposure(registry, "0.0.0.0", "exporter_host", lambda: controlled[0])
    controlled[0] = False
    assert registry.get_sample_value("billing_access_control") == 0


@pytest.mark.parametrize("part", PARTS)
def test_every_part_tells(part: str, caplog: pytest.LogCaptureFixture) -> None:
    """On its own metrics, and by the name of its own setting."""
    for host, shown in (("127.0.0.1", 1), ("0.0.0.0", 0)):
        registry = CollectorRegistry()
        with part_served(registry, list, Listening(part, host, 0)):
            assert registry.get_sample_value("billing_access_control") == shown
    assert f"setting={part}_host" in caplog.text


def test_the_exporter_tells() -> None:
    """On its own metrics."""
    for host, shown in (("127.0.0.1", 1), ("0.0.0.0", 0)):
        app = build(Settings(exporter_host=host), standalone=True, on_failure=lambda error: None)
        assert app[CONTEXT].own.registry.get_sample_value("billing_access_control") == shown


@pytest.mark.parametrize(
    ("host", "own"),
    [("localhost", True), ("127.0.0.1:9108", True), ("[::1]:9108", True), ("app.localhost", True), ("Billing:1", True),
     ("billing.", True), ("evil.example", False), ("127.0.0.1.evil.example", False), ("", False)],
)  # fmt: skip
def test_which_names_are_a_servers_own(host: str, own: bool) -> None:
    """Localhost, addresses, and what is given by name."""
    assert is_own_host(host, ["billing"]) is own
    assert is_own_host(host, ["*"])
