"""Produces records of a transaction that its coordinator knows nothing of, over a bare socket.

Only a broker with `transaction.partition.verification.enable=false` takes them. They hang: nothing ends them but the
marker of another transaction of the same producer.
"""

import struct
from collections.abc import Mapping

from tests.packed_records import PRODUCE, PRODUCE_VERSION, crc32c, leader_of, zigzag
from tests.torn_transactions import ask, find_coordinator, wire_string

INIT_PRODUCER_ID = 22
_TRANSACTIONAL = 1 << 4
_TIMEOUT_MS = 30_000


class HangingProducer:
    """A producer with a transactional id, whose transactions nobody has begun.

    Args:
        servers: the brokers.
        transactional_id: whose epoch is raised: its former producer is fenced.
    """

    def __init__(self, servers: str, transactional_id: str) -> None:
        self._servers, self._transactional_id = servers, transactional_id
        body = wire_string(transactional_id) + struct.pack(">i", _TIMEOUT_MS)
        answer = ask(find_coordinator(servers, transactional_id), INIT_PRODUCER_ID, 1, body)
        _, error, self._id, self._epoch = struct.unpack_from(">ihqh", answer)
        assert error == 0, f"no producer id: the broker answers with code {error}"

    def produce(
        self, topic: str, partition: int, key: bytes, value: bytes, headers: Mapping[str, bytes] | None = None
    ) -> int:
        """Produce one record, the first of this producer to its partition; return its offset."""
        batch = self._batch(_record(key, value, headers or {}))
        of_partition = struct.pack(">iii", 1, partition, len(batch)) + batch
        body = wire_string(self._transactional_id) + struct.pack(">hii", -1, _TIMEOUT_MS, 1)
        answer = ask(
            leader_of(self._servers, topic, partition),
            PRODUCE,
            PRODUCE_VERSION,
            body + wire_string(topic) + of_partition,
        )
        error, offset = struct.unpack_from(">hq", answer, 4 + 2 + len(topic) + 4 + 4)
        assert error == 0, f"the broker refuses the record with code {error}"
        return int(offset)

    def _batch(self, record: bytes) -> bytes:
        checked = struct.pack(">hiqqqhii", _TRANSACTIONAL, 0, 0, 0, self._id, self._epoch, 0, 1) + record
        body = struct.pack(">ibI", 0, 2, crc32c(checked)) + checked
        return struct.pack(">qi", 0, len(body)) + body


def _record(key: bytes, value: bytes, headers: Mapping[str, bytes]) -> bytes:
    fields = b"\0" + zigzag(0) + zigzag(0) + zigzag(len(key)) + key + zigzag(len(value)) + value + zigzag(len(headers))
    for name, content in headers.items():
        fields += zigzag(len(name)) + name.encode() + zigzag(len(content)) + content
    return zigzag(len(fields)) + fields
