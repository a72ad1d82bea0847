"""Changes the keys file: whole or not at all, by one process at a time."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billing.access.keys import Key, Keys, format_keys
from billing.errors import OperatorError
from billing.runtime.access.keys_file import read_keys
from billing.runtime.file_lock import file_lock
from billing.runtime.whole_file import is_device, sync_folder, write_whole

_NEW_MODE = 0o600


class KeysEditor:
    """Changes one keys file. Whoever reads it meanwhile finds it as it was, or as it is then.

    Args:
        path: of the file; a link is followed, and stays one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def add(self, key: Key) -> None:
        """Add a key; the file is made if it is not there.

        Raises:
            OperatorError: there is a key of that name, or the file cannot be read or written.
        """
        with self._editing() as keys:
            if key.name in keys:
                raise OperatorError(
                    f"there is a key {key.name!r} already: choose another name, or take that one back first "
                    f"(qb keys revoke {key.name})"
                )
            keys[key.name] = key

    def remove(self, name: str) -> None:
        """Take a key back.

        Raises:
            OperatorError: there is no key of that name, or the file cannot be read or written.
        """
        with self._editing() as keys:
            if name not in keys:
                known = ", ".join(sorted(keys)) or "none"
                raise OperatorError(f"there is no key {name!r} in {self._path}; there are: {known}")
            del keys[name]

    @contextmanager
    def _editing(self) -> Iterator[dict[str, Key]]:
        """Hand out the keys by their names, and write what has become of them."""
        try:
            with file_lock(self._path.with_name(f".{self._path.name}.lock")):
                keys = dict(read_keys(self._path).by_name) if self._path.exists() else {}
                yield keys
                self._write(format_keys(Keys(keys.values())))
        except OSError as error:
            raise OperatorError(
                f"cannot write {self._path} (keys_file): {error.strerror}; its folder must exist and be yours"
            ) from None

    def _write(self, text: str) -> None:
        """Put a whole new file in the place of the old one, for the same owner and readers."""
        if is_device(self._path):
            raise OperatorError(f"{self._path} (keys_file) is no file; name one that keys can be written to")
        write_whole(self._path, text.encode(), self._keep_owner)
        sync_folder(self._path.parent)

    def _keep_owner(self, descriptor: int) -> None:
        """Let who could read the file before go on reading it, and nobody but its owner write it."""
        if not self._path.exists():
            os.fchmod(descriptor, _NEW_MODE)
            return
        before, now = self._path.stat(), os.fstat(descriptor)
        if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))
