"""Files that hold secrets: whole or not there, and never readable by anybody else."""

import os
from collections.abc import Callable
from pathlib import Path

from billing.errors import OperatorError
from billing.runtime.whole_file import write_whole

_KEPT_MODE = 0o600
_HANDED_MODE = 0o400


class Store:
    """What was made, so that it is made once. Nobody but its owner can read it.

    Args:
        folder: made if it is not there.

    Raises:
        OperatorError: it cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise _cannot_write(folder, error) from None

    def find(self, name: str) -> bytes | None:
        """Return what is kept by this name, None if nothing is."""
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    def keep(self, name: str, content: bytes) -> bytes:
        """Keep this by that name, and return it."""
        _write(self.folder / name, content, _KEPT_MODE, None)
        return content

    def once(self, name: str, make: Callable[[], str]) -> bytes:
        """Return what is kept by this name; if nothing is, make it."""
        found = self.find(name)
        return self.keep(name, make().encode()) if found is None else found


class Handing:
    """Hands files to others.

    Args:
        folder: has a folder for each holder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handed: dict[Path, bytes] = {}

    def hand(self, holder: str, user: int, name: str, content: bytes) -> bool:
        """Let a user, and nobody else, read this; return whether it is new. The user's folder is made if need be.

        Only root can hand to somebody else: who runs this as somebody else, hands to themselves.

        Raises:
            OperatorError: it cannot be written.
        """
        path = self._folder / holder / name
        if path.exists() and self._before(path) == content:
            return False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content, _HANDED_MODE, user if os.geteuid() == 0 else None)
        except OSError as error:
            raise _cannot_write(path, error) from None
        self._handed[path] = content
        return True

    def _before(self, path: Path) -> bytes | None:
        """Return what was handed before, as far as it is known: a user's file is the user's alone."""
        if path not in self._handed and os.access(path, os.R_OK):
            self._handed[path] = path.read_bytes()
        return self._handed.get(path)


def _write(path: Path, content: bytes, mode: int, user: int | None) -> None:
    def give(descriptor: int) -> None:
        os.fchmod(descriptor, mode)
        if user is not None:
            os.fchown(descriptor, user, user)

    write_whole(path, content, give)


def _cannot_write(path: Path, error: OSError) -> OperatorError:
    return OperatorError(f"cannot write {path}: {error.strerror}; give --dir a folder that can be written")
