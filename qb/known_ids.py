"""The ids of one input partition that a recount has counted: on disk, but for those of the records at hand.

An id of a customer is kept under a hash of 128 bits, so that a hundred million of them take some six gigabytes of the
scratch database and none of memory. The processor keeps ids in a way of its own; nothing is shared with it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from sqlite3 import Connection

from billing.known_id import KnownId

# Rows of days that are forgotten are deleted once they are so many, and more than half.
_SWEPT_ROWS = 50_000
# SQLite takes so many parameters for certain.
_ASKED_AT_ONCE = 30_000


class KnownIds:
    """Finds the ids of some records at a time: load what they name, ask and add, then save.

    Args:
        database: a scratch database.
        partition: the input partition.
    """

    def __init__(self, database: Connection, partition: int) -> None:
        self._database, self._table = database, f"ids_{partition}"
        self._at_hand: dict[bytes, KnownId | None] = {}
        self._changed: set[bytes] = set()
        self._rows_of_day: Counter[int] = Counter()
        database.execute(
            f"CREATE TABLE {self._table} (key BLOB PRIMARY KEY, position INTEGER, day INTEGER, time INTEGER, "
            "micros INTEGER, type TEXT, target TEXT, taken INTEGER) WITHOUT ROWID"
        )

    def load(self, names: Iterable[tuple[str, str]]) -> None:
        """Bring customers' ids to hand, those that are known and those that are not."""
        # In their order, so that neighbours on the disk are read together.
        wanted = sorted({_key(*name) for name in names})
        self._at_hand.update(dict.fromkeys(wanted))
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            keys = wanted[start : start + _ASKED_AT_ONCE]
            places = ",".join("?" * len(keys))
            for key, *row in self._database.execute(f"SELECT * FROM {self._table} WHERE key IN ({places})", keys):
                self._at_hand[key] = KnownId(*row)

    def find(self, customer: str, id_: str, first_day: int) -> KnownId | None:
        """Return what a loaded id was counted for; None if it was not, or for a day before the first one kept."""
        known = self._at_hand[_key(customer, id_)]
        return None if known is None or known.day < first_day else known

    def put(self, customer: str, id_: str, known: KnownId) -> None:
        """Keep a loaded id, in place of what it was counted for before."""
        key = _key(customer, id_)
        before = self._at_hand[key]
        if before is not None:
            self._rows_of_day[before.day] -= 1
        self._rows_of_day[known.day] += 1
        self._at_hand[key] = known
        self._changed.add(key)

    def save(self, first_day: int) -> None:
        """Write what was put, let go of what is at hand, and now and then of all days before the first one kept."""
        self._database.executemany(
            f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._changed_rows()
        )
        self._at_hand, self._changed = {}, set()
        forgotten = {day: rows for day, rows in self._rows_of_day.items() if day < first_day}
        rows = sum(forgotten.values())
        if rows > _SWEPT_ROWS and 2 * rows > self._rows_of_day.total():
            self._database.execute(f"DELETE FROM {self._table} WHERE day < ?", (first_day,))
            for day in forgotten:
                del self._rows_of_day[day]

    def _changed_rows(self) -> Iterator[tuple[object, ...]]:
        for key in sorted(self._changed):
            known = self._at_hand[key]
            if known is not None:
                yield (
                    key, known.offset, known.day, known.timestamp_ms, known.amount_micros, known.type, known.target,
                    known.taken_by,
                )  # fmt: skip


def _key(customer: str, id_: str) -> bytes:
    # Neither may hold a control character.
    return blake2b(f"{customer}\x00{id_}".encode(), digest_size=16).digest()
