"""A forked process behaves as one that Python starts: what it says, how it ends, by what it can be ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.forking import run_process, start_process

ENVIRONMENT = dict(os.environ)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Python starts processes")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that does what its first argument says, found from the folder that a process starts in."""
    (tmp_path / "told.py").write_text(
        "import os, sys, time\n"
        "match sys.argv[1]:\n"
        "    case 'say': print(sys.argv[1:], os.environ.get('WORD'), os.getcwd()); print('no', file=sys.stderr)\n"
        "    case 'exit': sys.exit(int(sys.argv[2]))\n"
        "    case 'fail': raise ValueError('as asked')\n"
        "    case 'wait': print('here', flush=True); time.sleep(600)\n"
    )
    monkeypatch.chdir(tmp_path)
    return "told"


def test_what_it_says_and_is_given(module: str, tmp_path: Path) -> None:
    """Arguments, an environment of its own, the folder; and output apart from errors."""
    done = run_process(module, "say", "a b", environment={"WORD": "é", "PATH": "/bin"})
    assert done.stdout == f"['say', 'a b'] é {tmp_path}\n"
    assert done.stderr == "no\n"
    assert done.returncode == 0
    assert "WORD" not in os.environ


@pytest.mark.parametrize(("how", "code"), [(("exit", "0"), 0), (("exit", "3"), 3), (("fail",), 1)])
def test_how_it_ends(module: str, how: tuple[str, ...], code: int) -> None:
    """With its exit code; an error comes with a traceback."""
    done = run_process(module, *how, environment=ENVIRONMENT)
    assert done.returncode == code
    assert ("ValueError: as asked" in done.stderr) == (how == ("fail",))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_it(module: str, number: signal.Signals) -> None:
    """And is told as its end; until then it runs, and who waits waits."""
    with start_process(module, "wait", environment=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        process.send_signal(number)
        assert process.wait(120) == process.returncode == process.poll() == -number


def test_none_outlives_who_started_it(tmp_path: Path) -> None:
    """However that one ends."""
    program = (
        "import os, sys, signal; from tests.forking import start_process\n"
        "print(start_process('qb', 'export', '--standalone', '--exporter-port', '0', environment=dict(os.environ)).pid,"
        " flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    pid, deadline = int(done.stdout), time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
