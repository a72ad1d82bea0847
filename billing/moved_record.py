"""Records that were moved by customer: a header of twelve bytes tells where each lay in the input.

All else of a record stays what it was: key, value, time and headers. The processor's moving writes the header; whoever
names the origin of a record reads it.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOVED_HEADER = "qb-source"
_PLACE = struct.Struct("<iq")
PLACE_BYTES = _PLACE.size
# Headers that a rejected record of a keyed topic gets before the others, in place of the one above.
KEYED_PARTITION, KEYED_OFFSET = "keyed-partition", "keyed-offset"

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class InputPlace:
    """A partition of the input, and an offset there."""

    partition: int
    offset: int


def encode_place(place: InputPlace) -> bytes:
    """Return the header's value: partition (32 bits) and offset (64 bits), little-endian."""
    return _PLACE.pack(place.partition, place.offset)


def decode_place(value: bytes | None) -> InputPlace | None:
    """Return the place that a header's value tells, None if it tells none."""
    return InputPlace(*_PLACE.unpack(value)) if value is not None and len(value) == PLACE_BYTES else None


def split_headers(headers: Headers) -> tuple[Headers, InputPlace | None]:
    """Return a record's own headers, and its place in the input if it was moved: the last header tells it."""
    if headers and headers[-1][0] == MOVED_HEADER and (place := decode_place(headers[-1][1])) is not None:
        return headers[:-1], place
    return headers, None


def counted_place(headers: Mapping[str, bytes | None], input_topic: str) -> InputPlace | None:
    """Return where a rejected record was counted, by its headers: None if they tell no place, or one of another topic.

    Of a record that was moved that is its place in the keyed topic, though it names its place in the input as well.
    """
    names = (KEYED_PARTITION, KEYED_OFFSET) if KEYED_OFFSET in headers else ("source-partition", "source-offset")
    told = [(headers.get(name) or b"").decode("utf-8", "replace") for name in ("source-topic", *names)]
    if told[0] != input_topic or not (told[1].isdecimal() and told[2].isdecimal()):
        return None
    return InputPlace(int(told[1]), int(told[2]))
