"""The kernel that reads subtotals reads no byte outside a record."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("seed", ["1", "2"])
def test_no_byte_before_or_behind_a_record_is_read(seed: str) -> None:
    """Key and value, whole and cut off, changed and not, lie against memory that may not be read."""
    command = [sys.executable, "-m", "tests.exporter.guarded", "10000", seed]
    result = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 500
