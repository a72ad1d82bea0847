"""What of a record that cannot be billed is carried to the topic of rejected records: all of it, or its beginning.

A record of a few kilobytes on the wire may unpack to more than a topic takes. It is rejected like any other, by its
first bytes and a header that tells its true size. The processor writes it so, and the audit knows it by the same rule.
"""

from collections.abc import Sequence
from typing import NamedTuple

# Up to so many bytes of key, value and headers a record is carried whole. Some 16 times what topics take by default.
WHOLE_BYTES = 16_777_216
# Of a larger one so much is carried: of the value, of the key, and of all headers.
KEPT_BYTES = 65_536
# The header that tells the size of such a record: key, value and headers, in bytes.
SIZE_HEADER = "source-bytes"

Headers = Sequence[tuple[str, bytes | None]]


class Carried(NamedTuple):
    """Key, value and headers as they are written to the topic of rejected records, before its own headers."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def carry(key: bytes | None, value: bytes | None, headers: Headers) -> Carried:
    """Return what is carried of a record: the whole, or the beginning with :data:`SIZE_HEADER`."""
    size = len(key or b"") + len(value or b"") + _size(headers)
    if size <= WHOLE_BYTES:
        return Carried(key, value, tuple(headers))
    kept = tuple(headers) if _size(headers) <= KEPT_BYTES else ()
    return Carried(_beginning(key), _beginning(value), (*kept, (SIZE_HEADER, str(size).encode())))


def _beginning(data: bytes | None) -> bytes | None:
    return None if data is None else data[:KEPT_BYTES]


def _size(headers: Headers) -> int:
    return sum(len(name.encode()) + len(content or b"") for name, content in headers)
