"""Ends another client's open transaction, as a delayed EndTxn of an earlier one would: over a bare socket.

A broker takes an EndTxn of version 1 for whatever transaction is open under its producer id and epoch, and clients
that do not speak the second part of KIP-890 keep both from one transaction to the next. So a message that was held up
on its way may end the transaction after the one that it was meant for.
"""

import os
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from billing.runtime.logs import get_logger

FIND_COORDINATOR, END_TXN, DESCRIBE_TRANSACTIONS = 10, 26, 65
TRANSACTION_KEY_TYPE = 1
NO_ERROR, NOT_COORDINATOR, COORDINATOR_LOADING, INVALID_TXN_STATE, CONCURRENT_TRANSACTIONS = 0, 16, 14, 48, 51
SOCKET_SECONDS = 10.0
# What a process logs that has torn a transaction.
TORN = "transaction torn"

logger = get_logger(__name__)


@dataclass(frozen=True)
class OpenTransaction:
    """What the coordinator knows of a transactional id.

    Args:
        coordinator: its host and port.
        state: `Ongoing` while a transaction is open, in the broker's words.
        producer_id: the producer that has the id now.
        producer_epoch: its epoch.
        partitions: the partitions that are in the transaction, as (topic, partition).
    """

    coordinator: tuple[str, int]
    state: str
    producer_id: int
    producer_epoch: int
    partitions: frozenset[tuple[str, int]]

    @property
    def is_open(self) -> bool:
        """Whether records may be in it."""
        return self.state == "Ongoing"


class Tearing:
    """Ends this process's own transaction once, at one step of a transaction that begins when a file is there.

    Its environment says at which step, `TORN_STEP`; in the first transaction that begins after which file was made,
    `TORN_WHEN`; and how it ends, `TORN_ENDS`: `commit` or `abort`.

    Args:
        first_step: the step at which a transaction begins.
        servers: the brokers.
        transactional_id: of the transaction.
    """

    def __init__(self, first_step: str, servers: str, transactional_id: str) -> None:
        self._first_step, self._servers, self._transactional_id = first_step, servers, transactional_id
        self._step, self._when = os.environ["TORN_STEP"], Path(os.environ["TORN_WHEN"])
        self._commits = os.environ["TORN_ENDS"] == "commit"
        self._is_due = False

    def reached(self, step: str) -> None:
        """Tear if this is the step, in a transaction that is to be torn."""
        if step == self._first_step:
            self._is_due = self._when.exists()
        if step == self._step and self._is_due:
            self._is_due = False
            self._when.unlink()
            code = end_transaction(self._servers, self._transactional_id, self._commits)
            logger.info(TORN, step=step, code=code)


def describe_transaction(bootstrap_servers: str, transactional_id: str) -> OpenTransaction:
    """Return what the coordinator knows of a transactional id; one that was never used is an AssertionError."""
    coordinator = find_coordinator(bootstrap_servers, transactional_id)
    name = transactional_id.encode()
    body = _varint(2) + _varint(len(name) + 1) + name + b"\0"
    answer = _Reader(ask(coordinator, DESCRIBE_TRANSACTIONS, 0, b"\0" + body))
    answer.take("b")  # the header's tags, of which there are none
    answer.take("i")  # throttled for so long
    assert answer.varint() == 2, "one id asked for, one answered"
    error = answer.take("h")
    assert error == NO_ERROR, f"{transactional_id}: describing it failed with code {error}"
    answer.compact_string()
    state = answer.compact_string()
    answer.take("i")
    answer.take("q")
    producer_id, producer_epoch = answer.take("q"), answer.take("h")
    return OpenTransaction(coordinator, state, producer_id, producer_epoch, frozenset(answer.partitions()))


def end_transaction(bootstrap_servers: str, transactional_id: str, commit: bool, timeout_seconds: float = 30.0) -> int:
    """Commit or abort what is open under a transactional id, and wait until its markers are written.

    Returns the error code of the broker: 0, or INVALID_TXN_STATE where there is nothing that could be ended so.
    """
    transaction = describe_transaction(bootstrap_servers, transactional_id)
    body = wire_string(transactional_id)
    body += struct.pack(">qh?", transaction.producer_id, transaction.producer_epoch, commit)
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = _Reader(ask(transaction.coordinator, END_TXN, 1, body))
        answer.take("i")
        error = answer.take("h")
        if error not in (NOT_COORDINATOR, COORDINATOR_LOADING, CONCURRENT_TRANSACTIONS):
            break
        assert time.monotonic() < deadline, f"{transactional_id}: not ended in {timeout_seconds} s, code {error}"
        time.sleep(0.02)
    while describe_transaction(bootstrap_servers, transactional_id).state.startswith("Prepare"):
        assert time.monotonic() < deadline, f"{transactional_id}: no markers in {timeout_seconds} s"
        time.sleep(0.02)
    return error


def hanging_partitions(bootstrap_servers: str, topics: list[str]) -> dict[str, tuple[int, int]]:
    """Return each partition whose last stable offset is not its end, as name[partition] -> both offsets."""
    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    known = client.list_topics(timeout=30).topics
    partitions = [TopicPartition(topic, number) for topic in topics for number in known[topic].partitions]
    stable, end = (
        {
            (partition.topic, partition.partition): future.result(60).offset
            for partition, future in client.list_offsets(
                dict.fromkeys(partitions, OffsetSpec.latest()), isolation_level=level
            ).items()
        }
        for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
    )
    return {
        f"{name}[{number}]": (stable[name, number], at)
        for (name, number), at in end.items()
        if stable[name, number] != at
    }


def find_coordinator(bootstrap_servers: str, transactional_id: str) -> tuple[str, int]:
    """Return host and port of the coordinator of a transactional id."""
    host, port = bootstrap_servers.split(",")[0].rsplit(":", 1)
    body = wire_string(transactional_id) + struct.pack(">b", TRANSACTION_KEY_TYPE)
    deadline = time.monotonic() + SOCKET_SECONDS
    while True:
        answer = _Reader(ask((host, int(port)), FIND_COORDINATOR, 1, body))
        answer.take("i")
        error = answer.take("h")
        answer.string()
        answer.take("i")
        if error == NO_ERROR:
            return answer.string(), answer.take("i")
        assert time.monotonic() < deadline, f"{transactional_id}: no coordinator, code {error}"
        time.sleep(0.05)


def ask(address: tuple[str, int], api: int, version: int, body: bytes) -> bytes:
    """Send one request and return the body of its answer."""
    request = struct.pack(">hhi", api, version, 1) + wire_string("delayed") + body
    with socket.create_connection(address, SOCKET_SECONDS) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", _receive(connection, 4))
        return _receive(connection, length)[4:]


def _receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        assert part, "the broker closed the connection: it does not take this request"
        data += part
    return data


def wire_string(text: str) -> bytes:
    """Return a string as requests have it, with a length of two bytes."""
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _varint(number: int) -> bytes:
    assert 0 <= number < 1 << 14
    return bytes([number]) if number < 1 << 7 else bytes([number & 0x7F | 0x80, number >> 7])


class _Reader:
    """Takes the fields of an answer one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, format_: str) -> int:
        """Return one integer, in the letters of `struct`."""
        (number,) = struct.unpack_from(f">{format_}", self._data, self._at)
        self._at += struct.calcsize(f">{format_}")
        return int(number)

    def varint(self) -> int:
        """Return one unsigned integer of variable length."""
        number = shift = 0
        while True:
            byte = self.take("B")
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def string(self) -> str:
        """Return a string with a length of two bytes; one that is null is empty."""
        return self._text(max(0, self.take("h")))

    def compact_string(self) -> str:
        """Return a string with a length of variable length."""
        return self._text(self.varint() - 1)

    def partitions(self) -> list[tuple[str, int]]:
        """Return an array of topics with their partitions."""
        found = []
        for _ in range(self.varint() - 1):
            topic = self.compact_string()
            found += [(topic, self.take("i")) for _ in range(self.varint() - 1)]
            self.varint()
        return found

    def _text(self, length: int) -> str:
        start, self._at = self._at, self._at + length
        return self._data[start : self._at].decode()
