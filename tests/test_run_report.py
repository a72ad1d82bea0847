"""What a run tells at its end, in one process and in several: the run is one of pytest's own, in a folder apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROCESSES = pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two processes"])


def run_of(folder: Path, tests: str, *flags: str, tools_required: str = "") -> tuple[int, str]:
    """Run tests in an empty project; return the exit code and what was printed."""
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.run_report"]\n')
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow(kind)\n")
    (folder / "test_it.py").write_text(f"import time\nimport pytest\n{tests}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "pytest_timeout", "-p", "no:cacheprovider", *flags],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "QB_REQUIRE_TOOLS": tools_required,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


SKIPS = {
    "a test": "def test_one(): pytest.skip('no tool')",
    "a whole file": "pytest.skip('no tool', allow_module_level=True)\ndef test_one(): pass",
}


@PROCESSES
@pytest.mark.parametrize("skips", SKIPS.values(), ids=SKIPS.keys())
def test_a_skipped_test_fails_a_run_that_requires_the_tools(tmp_path: Path, processes: list[str], skips: str) -> None:
    """However it was skipped; it is named. A run that does not require them succeeds."""
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    code, said = run_of(tmp_path, skips, *processes, tools_required="1")
    assert "SKIPPED, though QB_REQUIRE_TOOLS=1 allows no skips: test_it.py" in said
    assert code == 1
    assert run_of(tmp_path, skips, *processes)[0] == 0


@PROCESSES
def test_what_is_left_out_is_told(tmp_path: Path, processes: list[str]) -> None:
    """How many slow tests, and of which kind; other tests that were left out are nothing to tell."""
    tests = """
@pytest.mark.slow("years")
@pytest.mark.parametrize("n", [1, 2])
def test_year(n): pass
@pytest.mark.slow("kills")
def test_kill(): pass
def test_quick(): pass
def test_unwanted(): pass
"""
    code, said = run_of(tmp_path, tests, *processes, "-m", "not slow", "-k", "not unwanted")
    assert "`make check` adds 3 slow tests: 1 of kills, 2 of years" in said
    assert code == 0
    assert "make check" not in run_of(tmp_path, tests, *processes)[1]


@PROCESSES
def test_a_test_that_hangs_fails_with_its_stack(tmp_path: Path, processes: list[str]) -> None:
    """The line at which it hangs is shown, and the other tests run."""
    tests = "def test_hangs(): time.sleep(60)  # here\ndef test_other(): pass\n"
    code, said = run_of(tmp_path, tests, *processes, "--timeout", "1")
    assert "time.sleep(60)  # here" in said
    assert "1 failed, 1 passed" in said
    assert code == 1
