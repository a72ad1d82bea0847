"""Finds out what became of the customer's records by their ids, and marks what was taken back later."""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from sqlite3 import Connection
from tempfile import TemporaryFile

from billing.known_id import target_of
from billing.listed_ids import IdFates
from billing.listed_marks import Marks
from billing.listed_record import Listed, RecordLister, Sent
from qb.known_ids import KnownIds


class FateFinder:
    """Follows the customer's ids, with those that are known on disk.

    Args:
        database: a scratch database.
        lister: says how an event is listed.
        window_days: the setting `dedup_window_days`.
    """

    def __init__(self, database: Connection, lister: RecordLister, window_days: int) -> None:
        self._database = database
        self._fates = IdFates(lister, self._ids_of, window_days)
        self._ids: dict[int, KnownIds] = {}

    def listed(self, found: Sequence[Sent | Listed]) -> Iterator[Listed]:
        """Yield how the next records are listed, those of an input partition in the order of their offsets."""
        names: dict[int, list[tuple[str, str]]] = {}
        for one in found:
            if isinstance(one, Sent):
                ids = filter(None, (one.record.id, target_of(one.record)))
                names.setdefault(one.listed.partition, []).extend((one.record.customer, id_) for id_ in ids)
        for partition, some in names.items():
            self._ids_of(partition).load(some)
        for one in found:
            yield from self._fates.listed(one) if isinstance(one, Sent) else (one,)
        for partition in names:
            self._ids_of(partition).save(self._fates.first_day(partition))

    def _ids_of(self, partition: int) -> KnownIds:
        if partition not in self._ids:
            self._ids[partition] = KnownIds(self._database, partition)
        return self._ids[partition]


def marked(listed: Iterable[Listed]) -> Iterator[Listed]:
    """Yield records once all are found, with those marked that one of them takes back. Till then they are on disk."""
    marks = Marks()
    with TemporaryFile(prefix="qb-explain-") as held:
        count = 0
        for one in listed:
            count += 1
            marks.note(one)
            pickle.dump(one, held)
        held.seek(0)
        for _ in range(count):
            yield marks.mark(pickle.load(held))
