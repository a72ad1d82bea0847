"""The scratch database: tables that hold more than memory should, and amounts that never overflow."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

# SQLite's integers have 64 bits and sums of micros may need more: an amount is kept as hi * BASE + lo, 0 <= lo < BASE.
BASE = 1_000_000_000

_PENDING_ROWS = 50_000
_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -65536")


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum in micros and the number of events in it."""

    micros: int = 0
    count: int = 0


AmountKey = tuple[int | str, ...]
# Key, micros, number of events.
AmountRow = tuple[AmountKey, int, int]


@contextmanager
def scratch_database(prefix: str = "qb-audit-") -> Iterator[sqlite3.Connection]:
    """Give a database in a temporary folder, whose name begins with `prefix` and which is removed at the end."""
    with TemporaryDirectory(prefix=prefix) as folder:
        database = sqlite3.connect(Path(folder) / "scratch.sqlite", isolation_level=None)
        try:
            for pragma in _PRAGMAS:
                database.execute(f"PRAGMA {pragma}")
            # One transaction that is never committed: nobody else reads this.
            database.execute("BEGIN")
            yield database
        finally:
            database.close()


class LatestTable:
    """The newest value of each key of a compacted topic."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self._database, self._name = database, name
        database.execute(f"CREATE TABLE {name} (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def put(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Take records in, in their order; one without a value removes its key."""
        for key, value in records:
            if value is None:
                self._database.execute(f"DELETE FROM {self._name} WHERE key = ?", (key,))
            else:
                self._database.execute(f"INSERT OR REPLACE INTO {self._name} VALUES (?, ?)", (key, value))

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._database.execute(f"SELECT key, value FROM {self._name} ORDER BY key")


class AmountTable:
    """Amounts of several sides under the same keys, so that the sides can be compared.

    Args:
        database: where it is made.
        name: the table.
        keys: its key columns.
        sides: whose amounts there are.
    """

    def __init__(self, database: sqlite3.Connection, name: str, keys: Sequence[str], sides: Sequence[str]) -> None:
        self._database, self._name, self._keys = database, name, tuple(keys)
        self._pending: dict[str, list[AmountRow]] = {side: [] for side in sides}
        columns = [f"{side}_{part} INTEGER NOT NULL DEFAULT 0" for side in sides for part in ("hi", "lo", "count")]
        database.execute(
            f"CREATE TABLE {name} ({', '.join([*keys, *columns])}, PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID"
        )

    def add(self, side: str, rows: Iterable[AmountRow]) -> None:
        """Add amounts to one side."""
        pending = self._pending[side]
        pending.extend(rows)
        if len(pending) >= _PENDING_ROWS:
            self._write(side)

    def _write(self, side: str) -> None:
        hi, lo, count = (f"{side}_{part}" for part in ("hi", "lo", "count"))
        statement = (
            f"INSERT INTO {self._name} ({', '.join(self._keys)}, {hi}, {lo}, {count}) "
            f"VALUES ({', '.join('?' * (len(self._keys) + 3))}) ON CONFLICT DO UPDATE SET "
            f"{hi} = {hi} + excluded.{hi} + ({lo} + excluded.{lo}) / {BASE}, "
            f"{lo} = ({lo} + excluded.{lo}) % {BASE}, {count} = {count} + excluded.{count}"
        )
        self._database.executemany(
            statement, ((*key, *divmod(micros, BASE), number) for key, micros, number in self._pending[side])
        )
        self._pending[side] = []

    def _write_all(self) -> None:
        for side in self._pending:
            self._write(side)

    def unequal(self, one: str, other: str) -> Iterator[tuple[AmountKey, Amount, Amount]]:
        """Yield the keys where two sides differ, with the amounts of both."""
        condition = " OR ".join(f"{one}_{part} <> {other}_{part}" for part in ("hi", "lo", "count"))
        yield from self._select(one, other, condition)

    def fewer(self, one: str, other: str, spare: str) -> Iterator[tuple[AmountKey, Amount, Amount]]:
        """Yield the keys where one side has fewer events than the other, or as many but of another sum.

        Args:
            one: the side that may not have fewer.
            other: what it is compared with.
            spare: a side of events that may be in either of the two and not in the other.
        """
        condition = (
            f"{one}_count + {spare}_count < {other}_count OR ({spare}_count = 0 AND "
            f"{one}_count = {other}_count AND ({one}_hi <> {other}_hi OR {one}_lo <> {other}_lo))"
        )
        yield from self._select(one, other, condition)

    def total(self, side: str, condition: str = "1") -> Amount:
        """Return the sum of one side over the rows that meet an SQL condition."""
        self._write_all()
        hi, lo, count = self._database.execute(
            f"SELECT SUM({side}_hi), SUM({side}_lo), SUM({side}_count) FROM {self._name} WHERE {condition}"
        ).fetchone()
        return Amount((hi or 0) * BASE + (lo or 0), count or 0)

    def count(self, condition: str = "1") -> int:
        """Return how many keys meet an SQL condition."""
        self._write_all()
        number: int = self._database.execute(f"SELECT COUNT(*) FROM {self._name} WHERE {condition}").fetchone()[0]
        return number

    def rows(self, side: str, condition: str = "1", *parameters: str) -> Iterator[AmountRow]:
        """Yield the rows of one side that meet an SQL condition."""
        for key, amount, _ in self._select(side, side, condition, *parameters):
            yield key, amount.micros, amount.count

    def _select(
        self, one: str, other: str, condition: str, *parameters: str
    ) -> Iterator[tuple[AmountKey, Amount, Amount]]:
        self._write_all()
        columns = [f"{side}_{part}" for side in (one, other) for part in ("hi", "lo", "count")]
        for *key, hi, lo, count, other_hi, other_lo, other_count in self._database.execute(
            f"SELECT {', '.join([*self._keys, *columns])} FROM {self._name} WHERE {condition}", parameters
        ):
            yield tuple(key), Amount(hi * BASE + lo, count), Amount(other_hi * BASE + other_lo, other_count)
