"""How far the input is moved: a record of each input partition, written in the transaction that moves its records.

It holds the offset from which on nothing of the partition is moved, and where the keyed partitions ended before any
record from that offset on could be moved. So whoever takes a partition over reads from these ends on, and learns what a
transaction that somebody else ended has moved all the same.
"""

import json
from dataclasses import dataclass

from billing.errors import OperatorError

VERSION = 1
MOVING_RUNBOOK = "docs/runbook.md#moving"


class MovedRecordError(OperatorError):
    """A record that says how far the input is moved, and that this program can't read."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far an input partition is moved.

    Args:
        next_offset: all records before it are moved.
        keyed_ends: by keyed partition, an offset before which nothing from `next_offset` on lies.
    """

    next_offset: int
    keyed_ends: tuple[int, ...]


def bookmark_key(topic: str, partition: int) -> bytes:
    """Return the key of the record of an input partition."""
    return f"{topic}|{partition}".encode()


def decode_bookmark_key(key: bytes | None) -> tuple[str, int]:
    """Return topic and partition.

    Raises:
        MovedRecordError: it is no such key.
    """
    topic, _, partition = (key or b"").decode("utf-8", "replace").rpartition("|")
    if not topic or not partition.isdecimal():
        raise MovedRecordError(f"the key {(key or b'')[:80]!r} is of no input partition; see {MOVING_RUNBOOK}")
    return topic, int(partition)


def encode_bookmark(bookmark: Bookmark) -> bytes:
    """Return the record's value."""
    return json.dumps(
        {"v": VERSION, "next": bookmark.next_offset, "ends": bookmark.keyed_ends}, separators=(",", ":")
    ).encode()


def decode_bookmark(value: bytes) -> Bookmark:
    """Return what a value says.

    Raises:
        MovedRecordError: it is of a newer version, or says nothing.
    """
    try:
        fields = json.loads(value)
        if fields["v"] != VERSION:
            raise MovedRecordError(f"a record of version {fields['v']}, {VERSION} is known; see {MOVING_RUNBOOK}")
        return Bookmark(int(fields["next"]), tuple(int(end) for end in fields["ends"]))
    except (ValueError, KeyError, TypeError) as error:
        raise MovedRecordError(f"the record {value[:80]!r} cannot be read: {error!r}; see {MOVING_RUNBOOK}") from None
