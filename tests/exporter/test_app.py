"""The process: starts, stops on a signal, and says in one line why it cannot start or go on."""

import argparse
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from billing.errors import OperatorError
from billing.settings import Settings
from broker.ports import free_port
from exporter import app
from exporter.feeds import kafka
from exporter.feeds.standalone import StandaloneFeed
from tests.exporter.client import Client
from tests.forking import start_process

# A client that finds no broker would tell so on standard error.
QUIET: dict[str, str | int | float | bool] = {"log_level": 0}


@contextmanager
def exporter(port: int, *flags: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = start_process(
        "qb", "export", "--exporter-port", str(port), "--exporter-host", "127.0.0.1", *flags,
        environment={**os.environ, **environment}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_answering(port: int, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing is ready at port {port}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_it_is_asked_to(number: signal.Signals) -> None:
    """With exit code 0, although somebody watches the live stream and goes on doing so."""
    port = free_port()
    with exporter(port, "--standalone") as process:
        wait_until_answering(port)
        watching = urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/live", timeout=10)
        watching.readline()
        process.send_signal(number)
        assert process.wait(30) == 0
        watching.close()
        assert "Traceback" not in (process.stderr.read() if process.stderr else "")


def test_a_taken_port_is_one_clear_line() -> None:
    """That names the port and the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with exporter(port, "--standalone") as process:
            _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    lines = [line for line in errors.splitlines() if line.startswith("qb: ")]
    assert lines == [f"qb: port {port} is taken: stop what listens at 127.0.0.1:{port}, or set exporter_port"]
    assert "Traceback" not in errors


def test_no_broker_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits for one it is alive and not ready; then it ends with what to do."""
    monkeypatch.setattr(kafka, "START_TIMEOUT_SECONDS", 2.0)
    port, broker_port = free_port(), free_port()
    settings = Settings(
        bootstrap_servers=f"127.0.0.1:{broker_port}", exporter_host="127.0.0.1", exporter_port=port, kafka=QUIET
    )
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(ask_when_up, port, ["/readyz", "/healthz", "/customers"])
        with pytest.raises(OperatorError, match=f"no Kafka broker answers at 127.0.0.1:{broker_port}: start one"):
            app.run(settings, argparse.Namespace(standalone=False))
        assert answers.result() == [503, 200, 503]


def test_a_feed_that_fails_ends_the_process(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """With exit code 1, and the reason in the log: nobody is left with numbers that grow old."""
    ticks = []

    def tick(_: StandaloneFeed) -> None:
        ticks.append(1)
        if len(ticks) > 1:
            raise RuntimeError("out of stock")

    monkeypatch.setattr(StandaloneFeed, "tick", tick)
    settings = Settings(exporter_host="127.0.0.1", exporter_port=0)
    assert app.run(settings, argparse.Namespace(standalone=True)) == 1
    assert "out of stock" in caplog.text


def ask_when_up(port: int, paths: list[str]) -> list[int]:
    client, deadline = Client(port), time.monotonic() + 60
    while True:
        try:
            return [client.get(path).status for path in paths]
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
