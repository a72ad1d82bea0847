"""Which process runs which test: the run is one of pytest's own, in a folder apart."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = """
import secrets
import time
import pytest
{mark}
@pytest.mark.parametrize("number", range(12))
def test_one(number): time.sleep(0.05)
@pytest.mark.parametrize("text", [secrets.token_hex(40)])
def test_two(text): pass
"""


def test_a_file_stays_in_one_process_unless_it_is_spread(tmp_path: Path) -> None:
    """What its tests share is made once; tests that wait for processes of their own come first, in all processes.

    Texts that each process draws for itself are no names of tests, about which all must agree.
    """
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.distribution"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    spread\n")
    for name, mark in (("a", ""), ("b", ""), ("c", "@pytest.mark.spread")):
        (tmp_path / f"test_{name}.py").write_text(TESTS.format(mark=mark))
    flags = ["-v", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder", "-p", "xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *flags],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "39 passed" in done.stdout, done.stdout + done.stderr
    ran = re.findall(r"\[(gw\d)\].* PASSED (test_\w)\.py", done.stdout)
    processes = defaultdict(set)
    for process, file in ran:
        processes[file].add(process)
    assert {file: len(found) for file, found in processes.items()} == {"test_a": 1, "test_b": 1, "test_c": 2}
    assert ran[0][1] == "test_c"
