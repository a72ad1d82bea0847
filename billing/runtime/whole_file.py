"""Files that are whole or not there: each is written beside its place, and then put there."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def is_device(path: Path) -> bool:
    """Say whether something is there that no file may take the place of, such as a device or a pipe."""
    return path.exists() and not path.is_file()


def write_whole(path: Path, content: bytes, prepare: Callable[[int], None]) -> None:
    """Put a whole new file in the place of the old one. Its content is on disk then.

    Args:
        path: of the file.
        content: what it holds.
        prepare: sets owner and mode, before anything is in the file; until then only its owner may read it. It gets
            the file's descriptor.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            prepare(descriptor)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def whole_text(path: Path) -> Iterator[TextIO]:
    """Give a text file to write, which has its name only when it is whole; a device or a pipe is written as it is.

    Raises:
        OSError: it cannot be written.
    """
    if is_device(path):
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder be on disk, as files were put there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
