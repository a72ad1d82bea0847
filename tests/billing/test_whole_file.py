"""A file is whole or not there, and takes the place of no device."""

import os
import stat
from pathlib import Path

import pytest

from billing.runtime.whole_file import is_device, sync_folder, whole_text, write_whole


def test_a_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """With the mode that it was given while it was empty."""
    path, sizes = tmp_path / "file", []

    def prepare(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        os.fchmod(descriptor, 0o400)

    path.write_text("old")
    write_whole(path, b"new", prepare)
    sync_folder(tmp_path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert sizes == [0]
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_the_old_one_alone(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "file"
    path.write_text("old")

    def fail(descriptor: int) -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        write_whole(path, b"new", fail)

    def write_half() -> None:
        with whole_text(path) as file:
            file.write("ne")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_files_are_replaced(tmp_path: Path) -> None:
    """What is not there yet may be made."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert is_device(pipe)
    assert is_device(Path(os.devnull))
    assert not is_device(tmp_path / "none")
    with whole_text(tmp_path / "none") as file:
        file.write("there")
    assert (tmp_path / "none").read_text() == "there"
