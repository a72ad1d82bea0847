"""A file that is written once and knows its size and checksum."""

import hashlib
import os
from pathlib import Path


class ChecksummedFile:
    """Writes a new file from its beginning to its end.

    Args:
        path: the file; it must not exist.

    Raises:
        OSError: it can't be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._digest = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """The checksum of what has been written so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Append to the file.

        Raises:
            OSError: it can't be written.
        """
        self._file.write(data)
        self._digest.update(data)
        self.bytes += len(data)

    def close(self) -> None:
        """End the file, on the disk and not just on its way there.

        Raises:
            OSError: it can't be written.
        """
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())

    def abandon(self) -> None:
        """Let go of the file, whatever state it is in."""
        try:
            self._file.close()
        except OSError:
            return


def sha256_of(path: Path) -> str:
    """Return the checksum of a file in hexadecimal.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
