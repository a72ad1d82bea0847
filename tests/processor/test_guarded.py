"""The kernel reads no byte outside a record."""

import subprocess
import sys

import pytest


def guarded(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.processor.guarded", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_no_byte_before_or_behind_a_record_is_read(seed: str) -> None:
    """Each record, whole and cut off anywhere, lies against memory that may not be read."""
    result = guarded("10000", seed)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 1_500


def test_a_byte_too_many_would_be_noticed() -> None:
    """The memory around a record is really guarded."""
    reads_too_far = (
        "import ctypes; from tests.processor.guarded import GuardedMemory; m = GuardedMemory();"
        "print(ctypes.string_at(m.place(b'abc', True) {}, 4))"
    )
    for shift, code in (("- 1", 0), ("", -11)):
        result = subprocess.run([sys.executable, "-c", reads_too_far.format(shift)], timeout=60, check=False)
        assert result.returncode == code
