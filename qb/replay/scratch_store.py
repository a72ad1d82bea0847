"""Where a recount keeps the ids that it does not need at hand: a database in a temporary folder, gone at the end."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from qb.audit.scratch import scratch_database


class ScratchStore:
    """A :class:`processor.store.Store` in a database. What is set is at once what is committed.

    Args:
        database: with a table ``state``; several input partitions may share it, for their keys differ.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
        row = self._database.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def get_committed(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys, or None."""
        return [self.get(key) for key in keys]

    def set_all(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Set the values of keys."""
        self._database.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", zip(keys, values, strict=True))

    def delete_all(self, keys: Sequence[bytes]) -> None:
        """Remove keys."""
        self._database.executemany("DELETE FROM state WHERE key = ?", ((key,) for key in keys))


@contextmanager
def scratch_store() -> Iterator[ScratchStore]:
    """Give a store in a temporary folder, which is removed at the end."""
    with scratch_database("qb-replay-") as database:
        database.execute("CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
        yield ScratchStore(database)
