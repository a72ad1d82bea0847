"""Ends a transaction that is open, as a late message of an earlier one does: by hand, over a plain socket.

Kafka takes an EndTxn request of version 1 for whatever transaction of that producer id and epoch is open.
"""

import socket
import struct
import time

END_TXN, END_TXN_VERSION = 26, 1
DESCRIBE_TRANSACTIONS = 65
_TIMEOUT_SECONDS = 10.0


def end_transaction(servers: str, transactional_id: str, *, commit: bool) -> int:
    """End the open transaction of a transactional id, wait until its markers are written, and return the error code.

    Without waiting, records sent at once after it could still come before the marker and belong to the transaction.

    Args:
        servers: a broker that coordinates the transactional id.
        transactional_id: whose transaction.
        commit: or abort.
    """
    producer_id, epoch, _ = describe(servers, transactional_id)
    body = _string(transactional_id) + struct.pack(">qhb", producer_id, epoch, commit)
    answer = _ask(servers, struct.pack(">hhi", END_TXN, END_TXN_VERSION, 1) + _string("late") + body)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while describe(servers, transactional_id)[2].startswith("Prepare"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(struct.unpack_from(">h", answer, 8)[0])


def describe(servers: str, transactional_id: str) -> tuple[int, int, str]:
    """Return producer id, epoch and state of a transactional id."""
    name = transactional_id.encode()
    body = b"\x02" + bytes([len(name) + 1]) + name + b"\x00"
    answer = _ask(servers, struct.pack(">hhi", DESCRIBE_TRANSACTIONS, 0, 1) + _string("late") + b"\x00" + body)
    # Correlation id, tags, throttle time, array length, then the only entry: error, id, state, timeout, start time.
    place = 4 + 1 + 4 + 1
    (error,) = struct.unpack_from(">h", answer, place)
    assert error == 0, f"Kafka does not know {transactional_id}: error {error}"
    place += 2
    place += answer[place]
    state = answer[place + 1 : place + answer[place]].decode()
    place += answer[place]
    producer_id, epoch = struct.unpack_from(">qh", answer, place + 4 + 8)
    return int(producer_id), int(epoch), state


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _ask(servers: str, request: bytes) -> bytes:
    host, port = servers.split(",")[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), _TIMEOUT_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        stream = connection.makefile("rb")
        (length,) = struct.unpack(">i", stream.read(4))
        return stream.read(length)
