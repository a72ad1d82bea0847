"""The form in which ids lie in State: chunks of entries, and one record that tells of them all.

They are in State and its changelog alone. All entries of a chunk have event times of one UTC day:

===================================  =================================================================
key                                  value
===================================  =================================================================
``ids|{partition}``                  :class:`KnownIds` as JSON, `v` included
``ids|{partition}|{day}|{number}``   up to :data:`processor.kernel.ids.CHUNK` entries, packed by column
===================================  =================================================================

A day is counted from 1970-01-01, and its chunks from 0; all but the last of a day are full. A packed chunk is `I1`, the
number of entries (16 bits), for each column its least number (64 bits, signed) and the width of what the others have
more (8 bits), and then the columns; all of it little-endian. An entry takes some 27 bytes: 16 of them are the hash.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from json import dumps

import numpy as np
from numpy.typing import NDArray

from billing.subtotal import RecordError, load_versioned
from processor.kernel.ids import CHUNK, ENTRY_NUMBERS, HEADER_BYTES, MAGIC, pack_chunk, unpack_chunk

VERSION = 1
_MAGIC = MAGIC.to_bytes(2, "little")
_COUNT = struct.Struct("<H")
_COLUMN = struct.Struct("<qB")
_SPARE_BYTES = 8


@dataclass(frozen=True)
class KnownIds:
    """What is known of an input partition's ids.

    Args:
        seeds: two secret numbers that the hashes begin with.
        types: the event types, in the order in which the entries count them.
        days: by day, how many entries there are.
    """

    seeds: tuple[int, int]
    types: tuple[str, ...]
    days: Mapping[int, int] = field(default_factory=dict)

    @property
    def entries(self) -> int:
        """How many there are in all."""
        return sum(self.days.values())


def known_key(partition: int) -> bytes:
    """Return the key of :class:`KnownIds`."""
    return f"ids|{partition}".encode()


def chunk_key(partition: int, day: int, number: int) -> bytes:
    """Return the key of a chunk."""
    return f"ids|{partition}|{day}|{number}".encode()


def chunk_keys(partition: int, day: int, entries: int) -> Sequence[bytes]:
    """Return the keys of the chunks that hold so many entries of a day."""
    return [chunk_key(partition, day, number) for number in range(-(-entries // CHUNK))]


def encode_known(known: KnownIds) -> bytes:
    """Return the value of what is known."""
    return dumps({"v": VERSION, **asdict(known)}, separators=(",", ":")).encode()


def decode_known(data: bytes) -> KnownIds:
    """Return what :func:`encode_known` encoded.

    Raises:
        UnknownVersionError: another version of this program wrote it.
        RecordError: the bytes are no such value.
    """
    record = load_versioned(data, VERSION)
    try:
        first, second = map(int, record["seeds"])
        days = {int(day): int(entries) for day, entries in record["days"].items()}
        return KnownIds((first, second), tuple(map(str, record["types"])), days)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RecordError(f"not a record of known ids: {data[:80]!r}") from None


def encode_chunk(columns: NDArray[np.int64], entries: int) -> bytes:
    """Return the value of a chunk.

    Args:
        columns: of the entries' numbers, each with room for more.
        entries: one to :data:`processor.kernel.ids.CHUNK`.
    """
    out = np.empty(HEADER_BYTES + 8 * ENTRY_NUMBERS * entries + _SPARE_BYTES, np.uint8)
    return out[: pack_chunk(columns, entries, out)].tobytes()


def decode_chunk(data: bytes) -> NDArray[np.int64]:
    """Return the entries of a chunk, a column each.

    Raises:
        RecordError: the bytes are no chunk.
    """
    if len(data) < HEADER_BYTES or not data.startswith(_MAGIC):
        raise RecordError(f"not a chunk of ids: {data[:80]!r}")
    (count,) = _COUNT.unpack_from(data, len(_MAGIC))
    columns = list(_COLUMN.iter_unpack(data[len(_MAGIC) + _COUNT.size : HEADER_BYTES]))
    if not 0 < count <= CHUNK or len(data) != HEADER_BYTES + count * sum(width for _, width in columns):
        raise RecordError(f"not a chunk of ids: {data[:80]!r}")
    entries = np.empty((ENTRY_NUMBERS, count), np.int64)
    packed = np.frombuffer(data + bytes(_SPARE_BYTES), np.uint8)[HEADER_BYTES:]
    unpack_chunk(packed, np.array(columns, np.int64), entries)
    return entries
