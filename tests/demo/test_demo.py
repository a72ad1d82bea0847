"""The whole demo as a person runs it: it shows moving totals, issues invoices, stops, goes on, and dies cleanly."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from broker.guard import is_running
from broker.ports import free_port
from qb.cli import main

# A month in four seconds; five ports of its own.
MONTH_SECONDS = 4
MOVING_WITHIN_SECONDS = 90


class RunningDemo:
    """A demo in a process of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.port = free_port(5)
        self.output = folder.parent / f"{folder.name}.out"
        ports = ("--exporter-port", "--processor-port", "--invoicer-port", "--kafka-port", "--budgets-port")
        chosen = [word for i, flag in enumerate(ports) for word in (flag, str(self.port + i))]
        command = [sys.executable, "-m", "qb", "demo", "--dir", str(folder), *chosen, *flags]
        environment = {name: value for name, value in os.environ.items() if name != "QB_BOOTSTRAP_SERVERS"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--month-seconds", str(MONTH_SECONDS)], stdout=output, stderr=output, env=environment
            )

    def overview(self) -> dict[str, Any] | None:
        """The exporter's overview, None while there is none."""
        try:
            with urlopen(f"http://localhost:{self.port}/api/v1/overview", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (URLError, OSError):
            return None

    def accepted(self) -> int:
        overview = self.overview()
        return overview["events"]["accepted"] if overview else 0

    def wait_for_totals_above(self, accepted: int) -> None:
        """Wait until two different totals above a number have been seen: they move."""
        seen: set[int] = set()
        deadline = time.monotonic() + MOVING_WITHIN_SECONDS
        while len(seen) < 2:
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < deadline, f"no totals above {accepted}, seen {seen}:\n{self.told()}"
            if (now := self.accepted()) > accepted:
                seen.add(now)
            time.sleep(0.2)

    def told(self) -> str:
        """What it has printed."""
        return self.output.read_text(errors="replace")

    def part_pids(self) -> dict[int, str]:
        """The processes that belong to this demo, by what their environment or command line says."""
        mark, found = str(self.folder), {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    environment = (entry / "environ").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if mark in command or f"QB_STATE_DIR={mark}" in environment:
                    found[int(entry.name)] = command
        return found


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[RunningDemo]:
    demo = RunningDemo(folder, *flags)
    try:
        yield demo
    finally:
        demo.process.kill()
        demo.process.wait()


def wait_for(condition: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.2)


def interrupted(demo: RunningDemo) -> int:
    """Send what Ctrl-C sends, and return the exit code."""
    demo.process.send_signal(signal.SIGINT)
    return demo.process.wait(120)


@pytest.mark.spread
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc")
def test_a_demo_s_life(tmp_path: Path) -> None:
    """Start, watch invoices appear, stop, go on, be killed, go on again: nothing is lost, and the audit is clean."""
    folder = tmp_path / "demo"
    with running(folder) as demo:
        demo.wait_for_totals_above(0)
        wait_for(lambda: list(folder.glob("invoices/2017-*/invoices.csv")), 60, "files of a month")
        wait_for(lambda: " is closed: " in demo.told(), 30, "told of a closed month")
        assert interrupted(demo) == 0, demo.told()
        assert "goes on from" in demo.told().splitlines()[-1]
        assert "Traceback" not in demo.told()
        assert demo.part_pids() == {}
    first = json.loads((folder / "demo.json").read_text())
    assert not first["running"]
    counted = events_told(demo)

    with running(folder) as demo:
        demo.wait_for_totals_above(counted)
        overview = demo.overview()
        assert overview is not None
        assert overview["health"]["ok"], overview["health"]
        assert overview["months"][0]["month"].startswith("2017-")
        part = next(pid for pid, command in demo.part_pids().items() if command.endswith("qb process "))
        os.kill(part, signal.SIGKILL)
        wait_for(lambda: "processor restarted 1x" in demo.told(), 60, "restart told")
        demo.wait_for_totals_above(demo.accepted())
        pids = demo.part_pids()
        before_kill = demo.accepted()
        demo.process.kill()
        demo.process.wait()
        wait_for(lambda: not any(map(is_running, pids)), 30, f"all of {pids} gone")

    with running(folder) as demo:
        demo.wait_for_totals_above(before_kill)
        overview = demo.overview()
        assert overview is not None
        assert overview["health"]["ok"], overview["health"]
        reached_ms = json.loads((folder / "demo.json").read_text())["reached_ms"]
        assert reached_ms > first["reached_ms"]
        audit = [sys.executable, "-m", "qb", "audit", "--config", str(folder / "settings.yaml")]
        done = subprocess.run(audit, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert interrupted(demo) == 0, demo.told()


def events_told(demo: RunningDemo) -> int:
    """The number of events in the last line that tells one."""
    line = [line for line in demo.told().splitlines() if " events |" in line][-1]
    return int(line.split(" of ")[1].split(" events")[0].replace(",", ""))


@pytest.fixture
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings from outside."""
    for name in [name for name in os.environ if name.startswith("QB_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("quiet_environment")
class TestRefusals:
    """What is wrong is said in a line before anything is started."""

    def test_a_taken_port(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """It is named with the flag that chooses another."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port, others = str(server.getsockname()[1]), ["--processor-port", "0", "--invoicer-port", "0"]
            others += ["--budgets-port", "0"]
            others += ["--kafka-port", str(free_port())]
            assert main(["demo", "--dir", str(tmp_path / "d"), "--exporter-port", port, *others]) == 1
        assert capsys.readouterr().err == (
            f"qb: port {port}, which the page needs, is taken: stop what listens there, "
            "or choose another port with --exporter-port\n"
        )
        assert not (tmp_path / "d" / "kafka").exists()

    def test_a_fresh_start_in_a_cluster_of_others(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """What lies there is not the demo's to forget."""
        assert main(["demo", "--dir", str(tmp_path / "d"), "--fresh", "--bootstrap-servers", "there:1"]) == 1
        assert "--fresh cannot forget what the cluster at there:1 holds" in capsys.readouterr().err

    def test_another_cluster_than_before(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """State that goes with one cluster is worth nothing with another."""
        memory = {"cluster": "there:1", "reached_ms": 1_483_228_800_000, "running": False}
        (tmp_path / "demo.json").write_text(json.dumps(memory))
        assert main(["demo", "--dir", str(tmp_path)]) == 1
        assert "goes with the cluster at there:1: use that again" in capsys.readouterr().err

    def test_a_cluster_that_does_not_answer(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its address is named, and the setting."""
        monkeypatch.setattr("qb.demo.app.ANSWER_SECONDS", 0.5)
        ports = [word for flag in ("exporter", "processor", "invoicer", "budgets") for word in (f"--{flag}-port", "0")]
        server = f"127.0.0.1:{free_port()}"
        assert main(["demo", "--dir", str(tmp_path / "d"), "--bootstrap-servers", server, *ports]) == 1
        assert f"qb: no Kafka broker answers at {server}" in capsys.readouterr().err
