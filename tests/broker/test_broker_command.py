"""The foreground broker and what it shows, as an operator meets them."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.download_display import show_download
from broker.jar_download import Downloaded
from broker.ports import free_port, is_free

COMMAND = """
    import sys
    from pathlib import Path
    from broker.command import run_broker
    sys.exit(run_broker(Path(sys.argv[1]), int(sys.argv[2])))
"""


@contextmanager
def broker_command(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A process that runs the foreground command."""
    arguments = [sys.executable, "-c", textwrap.dedent(COMMAND), str(folder), str(port)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(
    "stop_signal", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow("the embedded broker"))]
)
def test_command_says_where_it_is_and_stops_cleanly(tmp_path: Path, stop_signal: signal.Signals) -> None:
    """One line when it is ready; a signal ends it with exit code 0 and frees the port."""
    port = free_port()
    with broker_command(tmp_path, port) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == (
            f"Apache Kafka 4.3.1 ready on localhost:{port} (data in {tmp_path}); Ctrl-C stops it\n"
        )
        process.send_signal(stop_signal)
        _, complaints = process.communicate(timeout=120)

    assert (process.returncode, complaints) == (0, "")
    assert is_free(port)


@pytest.mark.slow("the embedded broker")
def test_command_ends_when_kafka_does(tmp_path: Path) -> None:
    """A broker that died is an error, with the place of its log."""
    with broker_command(tmp_path, free_port()) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(int((tmp_path / "node-0" / "pid").read_text()), signal.SIGKILL)
        _, complaints = process.communicate(timeout=120)

    assert process.returncode == 1
    assert (
        f"BrokerError: 1 of 1 nodes ended, so the broker takes no more records; see the log in {tmp_path}" in complaints
    )


def test_download_without_a_terminal_shows_few_lines() -> None:
    """In a log file a download is a handful of lines, not hundreds."""
    stream = io.StringIO()

    with show_download(stream) as report:
        for done in range(41):
            for half in (0, 500_000):
                report(Downloaded(done, 40, done * 1_000_000 + half))

    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0] == "Downloading Apache Kafka 4.3.1: 0 of 40 files, 0.0 MB"
    assert lines[-1] == "Downloading Apache Kafka 4.3.1: 40 of 40 files, 40.0 MB"


def test_download_on_a_terminal_is_a_bar() -> None:
    """A person sees how far it is; without a download, nothing."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with show_download(stream) as report:
        report(Downloaded(40, 40, 40_000_000))
    assert "40/40" in stream.getvalue()

    stream = Terminal()
    with show_download(stream):
        pass
    assert "Downloading" not in stream.getvalue()
