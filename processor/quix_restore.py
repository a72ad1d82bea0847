"""Writes changelog records to State in bulk: what Quix would write for each of them, in one step for thousands.

* A record whose headers are those that Quix writes for a value without expiry is put to the column family they name,
  or deleted there if it has no value. Of a key that comes again only the newest value is written.
* The offset of the last record is kept in the same step, so State never knows of more or less than it holds.
* A record that belongs to offsets which the group has not committed changes nothing but that offset.
* Whatever is not like that is handed to Quix's own function, at its place in the order.

Together with `processor/quix_recovery.py` the part of the adapter that restores State.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any

import numpy as np

from billing.runtime.native.block import Headers, PartitionRecords

# Quix imports the HTTP client of its cloud, which insists on showing a warning of its own future.
with warnings.catch_warnings(record=True):
    from quixstreams.state.metadata import CHANGELOG_CF_MESSAGE_HEADER, CHANGELOG_PROCESSED_OFFSETS_MESSAGE_HEADER
    from quixstreams.state.recovery import RecoveryPartition
    from quixstreams.state.rocksdb.partition import RocksDBStorePartition
    from quixstreams.utils.json import loads
    from rocksdict import WriteBatch

_FAMILY = "default"
_KNOWN_HEADERS = {CHANGELOG_CF_MESSAGE_HEADER, CHANGELOG_PROCESSED_OFFSETS_MESSAGE_HEADER}
# How a value begins that Quix may take for one with an expiry: milliseconds in 64 bits, or all ones for "never".
_STAMPS = (0x00, 0xFF)


class _Way(Enum):
    """What becomes of records that have the same headers."""

    WRITE = "written in bulk"
    PASS = "passed over: the group has not committed what they come from"
    QUIX = "left to Quix, one by one"


@dataclass(frozen=True)
class _Message:
    """A record as Quix's function takes it."""

    records: PartitionRecords
    index: int

    def headers(self) -> Headers:
        return self.records.headers(self.index)

    def key(self) -> bytes | None:
        return self.records.key(self.index)

    def value(self) -> bytes | None:
        return self.records.value(self.index)

    def offset(self) -> int:
        return int(self.records.offsets[self.index])


class _Batch:
    """The newest value of each key, and the offset they bring State to, until they are written."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._newest: dict[bytes, bytes | None] = {}
        self._offset: int | None = None

    def add(self, keys: Sequence[Any], values: Sequence[bytes | None], offset: int) -> None:
        """Take records; a key of None is never among them."""
        self._newest.update(zip(keys, values, strict=True))
        self._offset = offset

    def pass_over(self, offset: int) -> None:
        """Take the offset alone."""
        self._offset = offset

    def write(self) -> None:
        """Write all that was taken since the last time, in one step."""
        if self._offset is None:
            return
        batch, family = WriteBatch(raw_mode=True), self._store.get_column_family_handle(_FAMILY)
        # In the order of keys RocksDB takes them a fifth faster, and no key is there twice.
        for key, value in sorted(self._newest.items()):
            if value is None:
                batch.delete(key, family)
            else:
                batch.put(key, value, family)
        self._store._update_changelog_offset(batch, self._offset)
        self._store._write(batch)
        self._newest, self._offset = {}, None


def restore_records(restore: RecoveryPartition, records: PartitionRecords) -> None:
    """Bring the State of a partition forward by records of its changelog, in their order.

    Raises:
        Exception: what Quix raises for a record that it cannot take. What comes before is written or read again.
    """
    batch = _Batch(restore._store_partition)
    keys, values = records.copied_keys(), records.copied_values()
    is_stamped = np.isin(records.first_bytes(), _STAMPS)
    for start, end in pairwise([*records.header_starts().tolist(), len(records)]):
        way = _way_of(restore, records.headers(start))
        if bool(is_stamped[start:end].any()) or None in keys[start:end]:
            way = _Way.QUIX
        last = int(records.offsets[end - 1])
        if way is _Way.WRITE:
            batch.add(keys[start:end], values[start:end], last)
        elif way is _Way.PASS:
            batch.pass_over(last)
        else:
            batch.write()
            for index in range(start, end):
                restore.recover_from_changelog_message(_Message(records, index))  # type: ignore[arg-type]
    batch.write()


def _way_of(restore: RecoveryPartition, headers: Headers) -> _Way:
    found = dict(headers)
    store = restore._store_partition
    is_plain = found.keys() <= _KNOWN_HEADERS and found.get(CHANGELOG_CF_MESSAGE_HEADER) == _FAMILY.encode()
    if not is_plain or type(store) is not RocksDBStorePartition or store.uses_ttl_stamps:
        return _Way.QUIX
    offsets = loads(found.get(CHANGELOG_PROCESSED_OFFSETS_MESSAGE_HEADER) or b"null")
    if offsets is None or restore._should_apply_changelog(offsets):
        return _Way.WRITE
    return _Way.PASS
