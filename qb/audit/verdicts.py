"""The rejected topic as the audit sees it: which input record was rejected, why, and whether it is unchanged."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from billing.moved_record import KEYED_OFFSET, KEYED_PARTITION, MOVED_HEADER, InputPlace, encode_place
from billing.runtime.topic_reader import Record

HEADERS = ("reason", "detail", "source-topic", "source-partition", "source-offset")
_DIGEST_BYTES = 16


class VerdictError(ValueError):
    """A record in the rejected topic that does not say what was rejected."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rejected record.

    Args:
        partition: the input partition it came from.
        offset: its offset there.
        reason: why it was rejected.
        digest: stands for its key, value and own headers.
        written_ms: when it was written to the rejected topic, in milliseconds.
        place: where it lies there, for the report.
    """

    partition: int
    offset: int
    reason: str
    digest: bytes
    written_ms: int
    place: str


def read_verdict(record: Record, input_topic: str) -> Verdict:
    """Return what a record of the rejected topic says.

    Raises:
        VerdictError: headers are missing or make no sense, or it came from another topic.
    """
    own, added = record.headers[: -len(HEADERS)], dict(record.headers[-len(HEADERS) :])
    if tuple(added) != HEADERS:
        raise VerdictError(f"its last headers are not {', '.join(HEADERS)}")
    try:
        source = added["source-topic"].decode()
        partition, offset = int(added["source-partition"]), int(added["source-offset"])
        reason = added["reason"].decode()
    except ValueError:
        raise VerdictError("its headers cannot be read") from None
    if source != input_topic:
        raise VerdictError(f"it came from topic {source[:100]!r}")
    counted = dict(own[-2:])
    if tuple(counted) == (KEYED_PARTITION, KEYED_OFFSET):
        # As it is in the keyed topic, whose places are counted: it tells there where it lay in the input.
        own = (*own[:-2], (MOVED_HEADER, encode_place(InputPlace(partition, offset))))
        partition, offset = (_number(counted[name]) for name in (KEYED_PARTITION, KEYED_OFFSET))
    digest = digest_of(record.key, record.value, own)
    return Verdict(partition, offset, reason, digest, record.timestamp_ms, f"{record.partition}@{record.offset}")


def _number(text: bytes) -> int:
    if not text.isdigit():
        raise VerdictError("its headers cannot be read")
    return int(text)


def digest_of(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Return a digest that differs when key, value or headers do; None is not the same as empty."""
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in (key, value, *(piece for name, content in headers for piece in (name.encode(), content))):
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return digest.digest()


class VerdictTable:
    """All rejected records, by where they came from."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute(
            "CREATE TABLE verdicts "
            "(source INTEGER, position INTEGER, reason TEXT, digest BLOB, written INTEGER, place TEXT)"
        )

    def add(self, verdicts: Iterable[Verdict]) -> None:
        """Take rejected records in."""
        self._database.executemany(
            "INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?)",
            ((v.partition, v.offset, v.reason, v.digest, v.written_ms, v.place) for v in verdicts),
        )

    def finish(self) -> None:
        """Make them quick to find; call it once, when all are there."""
        self._database.execute("CREATE INDEX verdicts_by_source ON verdicts (source, position)")

    def of(self, partition: int, first_offset: int = 0) -> Iterator[Verdict]:
        """Yield those of an input partition from an offset on, in the order of their offsets."""
        for row in self._database.execute(
            "SELECT * FROM verdicts WHERE source = ? AND position >= ? ORDER BY position", (partition, first_offset)
        ):
            yield Verdict(*row)

    def partitions(self) -> list[int]:
        """Return the input partitions that any came from."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT source FROM verdicts ORDER BY source")]


class VerdictCursor:
    """Hands out the verdicts of one input partition along with its records, which come in the order of offsets."""

    def __init__(self, verdicts: Iterator[Verdict]) -> None:
        self._verdicts = verdicts
        self._next = next(verdicts, None)

    def before(self, offset: int) -> list[Verdict]:
        """Take those of offsets below `offset` that have not been taken."""
        return self._take(lambda verdict: verdict.offset < offset)

    def at(self, offset: int) -> list[Verdict]:
        """Take those of an offset; the ones before must have been taken."""
        return self._take(lambda verdict: verdict.offset == offset)

    def first_at(self, offset: int) -> Verdict | None:
        """Take those up to an offset, inclusive; return the first one of the offset itself."""
        self.before(offset)
        return next(iter(self.at(offset)), None)

    def _take(self, wanted: Callable[[Verdict], bool]) -> list[Verdict]:
        taken = []
        while self._next is not None and wanted(self._next):
            taken.append(self._next)
            self._next = next(self._verdicts, None)
        return taken
