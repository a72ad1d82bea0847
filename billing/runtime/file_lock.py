"""A lock between processes that ends with its holder, however that one dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HeldElsewhereError(Exception):
    """Another process holds the lock. `holder` is its process id as far as the file tells, else empty."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def file_lock(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock that stands for `path`, a file that is made if it is not there, in a folder that is.

    Raises:
        HeldElsewhereError: another process holds it and `wait` is False.
        OSError: the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise HeldElsewhereError(os.read(descriptor, 32).decode("ascii", "replace").strip()) from error
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
        yield
    finally:
        os.close(descriptor)
