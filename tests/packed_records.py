"""Makes records of a few kilobytes that unpack to as much as one likes, and produces them, over a bare socket.

No client makes a record larger than a gigabyte, but a sender may put together what it wants: a zstd frame tells in four
bytes that a letter comes 131,072 times.
"""

import struct

from confluent_kafka.admin import AdminClient

from tests.torn_transactions import ask, wire_string

PRODUCE, PRODUCE_VERSION = 0, 7
ZSTD = 4
BLOCK_BYTES = 131_072
_MAGIC = b"\x28\xb5\x2f\xfd"
# A content size of eight bytes, no checksum, and a window as large as a block.
_DESCRIPTOR = bytes([0b11 << 6, 7 << 3])
_RAW, _REPEATED = 0, 1
_ANSWER_MS = 30_000


def produce_packed(servers: str, topic: str, partition: int, beginning: bytes, size: int) -> None:
    """Produce one record in a batch of its own: a value that begins so and is filled up with `x` to so many bytes."""
    batch = _batch(_packed(*_record(beginning, size)))
    of_partition = struct.pack(">iii", 1, partition, len(batch)) + batch
    body = struct.pack(">hhii", -1, -1, _ANSWER_MS, 1) + wire_string(topic) + of_partition
    answer = ask(leader_of(servers, topic, partition), PRODUCE, PRODUCE_VERSION, body)
    (error,) = struct.unpack_from(">h", answer, 4 + 2 + len(topic) + 4 + 4)
    assert error == 0, f"the broker refuses the record with code {error}"


def leader_of(servers: str, topic: str, partition: int) -> tuple[str, int]:
    """Return host and port of a partition's leader."""
    known = AdminClient({"bootstrap.servers": servers, "log_level": 0}).list_topics(topic, timeout=30)
    broker = known.brokers[known.topics[topic].partitions[partition].leader]
    return broker.host, broker.port


def _record(beginning: bytes, size: int) -> tuple[bytes, int, bytes]:
    """Return a record without key and headers: what comes before the letters, how many they are, what comes after."""
    fields = b"\0" + zigzag(0) + zigzag(0) + zigzag(-1) + zigzag(size) + beginning
    letters, after = size - len(beginning), zigzag(0)
    return zigzag(len(fields) + letters + len(after)) + fields, letters, after


def _packed(before: bytes, letters: int, after: bytes) -> bytes:
    frame = _MAGIC + _DESCRIPTOR + struct.pack("<Q", len(before) + letters + len(after))
    frame += _block(_RAW, len(before), before)
    frame += _block(_REPEATED, BLOCK_BYTES, b"x") * (letters // BLOCK_BYTES)
    frame += _block(_REPEATED, letters % BLOCK_BYTES, b"x")
    return frame + _block(_RAW, len(after), after, last=True)


def _block(kind: int, size: int, data: bytes, last: bool = False) -> bytes:
    return (last | kind << 1 | size << 3).to_bytes(3, "little") + data


def _batch(packed: bytes) -> bytes:
    checked = struct.pack(">hiqqqhii", ZSTD, 0, 0, 0, -1, -1, -1, 1) + packed
    body = struct.pack(">ibI", 0, 2, crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(body)) + body


def zigzag(number: int) -> bytes:
    """Return a signed integer of variable length."""
    rest = (number << 1) ^ (number >> 63)
    data = b""
    while rest > 0x7F:
        data, rest = data + bytes([rest & 0x7F | 0x80]), rest >> 7
    return data + bytes([rest])


def crc32c(data: bytes) -> int:
    """Return the checksum of a batch."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _crc_entry(entry: int) -> int:
    for _ in range(8):
        entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
    return entry


_CRC_TABLE = [_crc_entry(byte) for byte in range(256)]
