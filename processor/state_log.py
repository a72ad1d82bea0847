"""State keeps no log of its own on disk: its changelog topic is its log.

RocksDB would write each change twice, at once to a log and later to a file. A process that is killed has all that the
system still holds of that log; without one State is behind, by what was in its buffers, and that is read back from the
changelog. So that it is whole up to one offset, the buffers of all column families are written out together.
"""

import os
from mmap import PAGESIZE, mmap
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from rocksdict import Options, WriteOptions


def write_unlogged(database: Any) -> None:
    """Let a database, made with :func:`keep_whole`, write what comes from now on to its files alone."""
    options: Any = WriteOptions()  # whose stubs take its properties for methods
    options.disable_wal = True
    database.set_write_options(options)


def keep_whole(options: Options) -> None:
    """Let the files of a database hold all changes up to one of them, and none behind it, whatever ends it."""
    options.set_atomic_flush(True)


def takes_direct_writes(folder: Path) -> bool:
    """Return whether files in a folder can be written past the system's cache; the folder is made if it is not there.

    What State writes is seldom read again, and pages of the cache are memory that others need: a virtual machine may
    have to ask its host for each. Some file systems refuse it.
    """
    direct = getattr(os, "O_DIRECT", 0)  # not everywhere
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(dir=folder)
        os.close(handle)
        try:
            # A page lies where such a write needs it to.
            with open(os.open(name, os.O_WRONLY | direct), "wb", buffering=0) as file, mmap(-1, PAGESIZE) as page:
                return bool(direct) and file.write(page) == PAGESIZE
        finally:
            os.unlink(name)
    except OSError:
        return False
