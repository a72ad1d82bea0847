"""Records that were taken from a client at once, as arrays that compiled code reads: addresses, lengths, offsets.

The bytes stay where they are: in librdkafka's messages, or in one buffer that was joined from Python's. Both blocks
have the same arrays, so there is one kernel, whichever way the records came.
"""

import ctypes
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Message
from numpy.typing import NDArray

from billing.runtime.native.client import Library
from billing.runtime.native.compiled import compiled
from billing.runtime.native.copying import Joined, copies, first_bytes, gathered
from billing.runtime.native.headers import have_headers, header_functions, header_starts, last_values
from billing.runtime.native.memory import load32, load64

Integers = NDArray[np.int64]
Headers = list[tuple[str, bytes | None]]

# How many texts are copied at once, and how long each may be.
_MOST_AT_ONCE, _SMALL_BYTES = 1_000, 16_384
_LONG_BYTES = 4_096


class RecordBlock:
    """Records in the order in which they came, those of a partition in that of their offsets.

    `partitions`, `offsets`, `values` (addresses), `value_lengths` (-1: no value), `keys`, `key_lengths` (-1: no key)
    have an entry for each record. The addresses hold until :meth:`release`.

    Args:
        columns: these six, in this order, each a row.
    """

    def __init__(self, columns: NDArray[np.int64]) -> None:
        self.partitions, self.offsets, self.values, self.value_lengths, self.keys, self.key_lengths = columns

    def __len__(self) -> int:
        return len(self.values)

    def value(self, index: int) -> bytes | None:
        """Return a record's value, copied."""
        return _copied(self.values[index], self.value_lengths[index])

    def key(self, index: int) -> bytes | None:
        """Return a record's key, copied."""
        return _copied(self.keys[index], self.key_lengths[index])

    def values_at(self, positions: Sequence[int] | Integers) -> Iterator[bytes | None]:
        """Yield the values of the records at some positions, copied."""
        return _copied_all(self.values[positions], self.value_lengths[positions])

    def headers(self, index: int) -> Headers:
        """Return a record's headers."""
        raise NotImplementedError

    def headers_at(self, positions: Integers) -> list[Headers]:
        """Return the headers of the records at some positions."""
        return [self.headers(position) for position in positions.tolist()]

    def header_starts(self, positions: Integers) -> Integers:
        """Return where, among the records at some positions, headers differ from those of the one before.

        The first one is always among them; one that is not surely like the one before may be.
        """
        raise NotImplementedError

    def last_headers(self, name: str, length: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the value of each record's last header of a name, as a row of bytes, and which have one so long."""
        raise NotImplementedError

    def timestamp_ms(self, index: int) -> int:
        """Return a record's time in milliseconds, -1 if it has none."""
        raise NotImplementedError

    def release(self) -> None:
        """Give the records back. Doing so twice is allowed."""

    def by_partition(self) -> "Iterator[PartitionRecords]":
        """Yield the records of each partition, in order, all of one partition in one piece."""
        if not len(self):
            return
        cuts = [0, *(np.flatnonzero(np.diff(self.partitions)) + 1).tolist(), len(self)]
        if len(set(self.partitions[cuts[:-1]].tolist())) == len(cuts) - 1:
            for start, end in pairwise(cuts):
                yield PartitionRecords(self, slice(start, end))
            return
        order = np.argsort(self.partitions, kind="stable")
        for positions in np.split(order, np.flatnonzero(np.diff(self.partitions[order])) + 1):
            yield PartitionRecords(self, positions)


class PartitionRecords:
    """Records of one partition: a selection of a block.

    Args:
        block: all of them.
        selection: which ones.
    """

    def __init__(self, block: RecordBlock, selection: slice | Integers) -> None:
        self._block = block
        self._selection = selection
        self.partition = int(block.partitions[self._position(0)])
        self.values = block.values[selection]
        self.value_lengths = block.value_lengths[selection]
        self.offsets = block.offsets[selection]
        self.key_lengths = block.key_lengths[selection]

    def __len__(self) -> int:
        return len(self.values)

    def value(self, index: int) -> bytes | None:
        """Return a record's value, copied."""
        return self._block.value(self._position(index))

    def key(self, index: int) -> bytes | None:
        """Return a record's key, copied."""
        return self._block.key(self._position(index))

    def headers(self, index: int) -> Headers:
        """Return a record's headers."""
        return self._block.headers(self._position(index))

    def gathered(self, indices: Sequence[int] | Integers) -> tuple[Joined, Joined]:
        """Return keys and values of some records, copied."""
        positions, block = self._positions(indices), self._block
        keys = gathered(block.keys[positions], block.key_lengths[positions])
        return keys, gathered(block.values[positions], block.value_lengths[positions])

    def values_at(self, indices: Sequence[int] | Integers) -> Iterator[bytes | None]:
        """Yield the values of some records, copied."""
        return self._block.values_at(self._positions(indices))

    def headers_at(self, indices: Sequence[int] | Integers) -> list[Headers]:
        """Return the headers of some records."""
        return self._block.headers_at(self._positions(indices))

    def header_starts(self) -> Integers:
        """Return which records have other headers than the one before; see :meth:`RecordBlock.header_starts`."""
        return self._block.header_starts(np.arange(len(self._block))[self._selection])

    def copied_keys(self) -> list[bytes | None]:
        """Return all keys, copied."""
        return copies(self._block.keys[self._selection], self._block.key_lengths[self._selection])

    def copied_values(self) -> list[bytes | None]:
        """Return all values, copied."""
        return copies(self.values, self.value_lengths)

    def first_bytes(self) -> NDArray[np.int16]:
        """Return the first byte of each value, -1 where there is none."""
        return first_bytes(self.values, self.value_lengths)

    def timestamp_ms(self, index: int) -> int:
        """Return a record's time in milliseconds, -1 if it has none."""
        return self._block.timestamp_ms(self._position(index))

    def _position(self, index: int) -> int:
        if isinstance(self._selection, slice):
            return int(self._selection.start) + index
        return int(self._selection[index])

    def _positions(self, indices: Sequence[int] | Integers) -> Integers:
        chosen = np.asarray(indices, np.int64)
        return chosen + self._selection.start if isinstance(self._selection, slice) else self._selection[chosen]


def _copied_all(addresses: Integers, lengths: Integers) -> Iterator[bytes | None]:
    """Yield texts, copied: many at once, as long as they are small."""
    for start in range(0, len(addresses), _MOST_AT_ONCE):
        some = slice(start, start + _MOST_AT_ONCE)
        if lengths[some].max() <= _SMALL_BYTES:
            yield from copies(addresses[some], lengths[some])
        else:
            yield from map(_copied, addresses[some].tolist(), lengths[some].tolist())


def _copied(address: int, length: int) -> bytes | None:
    if length < 0:
        return None
    return ctypes.string_at(int(address), int(length)) if length else b""


class JoinedBlock(RecordBlock):
    """Records that came as Python's messages, their values and keys joined into one buffer.

    Args:
        messages: the messages, none of them an error.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._values, values, value_lengths = joined_if_any([message.value() for message in messages])
        self._keys, keys, key_lengths = joined_if_any([message.key() for message in messages])
        partitions = [message.partition() for message in messages]
        offsets = [message.offset() for message in messages]
        super().__init__(np.array([partitions, offsets, values, value_lengths, keys, key_lengths], np.int64))

    def headers(self, index: int) -> Headers:
        """Return a record's headers."""
        return list(self._messages[index].headers() or ())

    def header_starts(self, positions: Integers) -> Integers:
        """Return where, among the records at some positions, headers differ from those of the one before."""
        headers = [self._messages[position].headers() for position in positions.tolist()]
        return np.flatnonzero([True, *(left != right for left, right in pairwise(headers))][: len(headers)])

    def last_headers(self, name: str, length: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the value of each record's last header of a name, as a row of bytes, and which have one so long."""
        values, there = np.zeros((len(self), length), np.uint8), np.zeros(len(self), np.bool_)
        for index, message in enumerate(self._messages):
            value = dict(message.headers() or ()).get(name)
            if isinstance(value, bytes) and len(value) == length:
                values[index], there[index] = np.frombuffer(value, np.uint8), True
        return values, there

    def timestamp_ms(self, index: int) -> int:
        """Return a record's time in milliseconds, -1 if it has none."""
        kind, time_ms = self._messages[index].timestamp()
        return int(time_ms) if kind else -1


class JoinedValues:
    """Records of which only the values matter.

    Args:
        values: these; None is a record without one.
    """

    def __init__(self, values: Sequence[bytes | None]) -> None:
        self._originals = values
        self._buffer, self.values, self.value_lengths = joined_if_any(values)

    def __len__(self) -> int:
        return len(self._originals)

    def values_at(self, indices: Sequence[int] | Integers) -> list[bytes | None]:
        """Return the values of some records."""
        return [self._originals[index] for index in indices]


def joined(texts: Sequence[bytes]) -> Joined:
    """Return what holds some texts, and where in memory each lies, and how long it is.

    The addresses hold for as long as what holds the texts. Short ones are copied into one buffer, which costs less than
    to ask for the address of each.
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    if lengths.sum() > _LONG_BYTES * len(texts):
        return texts, np.fromiter(map(_address, texts), np.int64, len(texts)), lengths
    buffer = b"".join(texts)
    return buffer, _address(buffer) + np.cumsum(lengths) - lengths, lengths


def joined_if_any(texts: Sequence[bytes | str | None]) -> Joined:
    """Return the same of texts some of which there are not: their length is -1."""
    missing = [index for index, text in enumerate(texts) if text is None]
    buffer, addresses, lengths = joined([text.encode() if isinstance(text, str) else text or b"" for text in texts])
    lengths[missing] = -1
    return buffer, addresses, lengths


def joined_all(joins: Sequence[Joined]) -> Joined:
    """Return several as one."""
    kept, addresses, lengths = zip(*joins, strict=True)
    return kept, np.concatenate(addresses), np.concatenate(lengths)


def chosen(texts: Sequence[bytes], which: Integers) -> Joined:
    """Return, for each index, the text that it is the index of."""
    kept, addresses, lengths = joined(texts)
    return kept, addresses[which], lengths[which]


def _address(buffer: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(buffer), ctypes.c_void_p).value or 0


class NativeBlock(RecordBlock):
    """Records that lie in librdkafka's messages.

    Args:
        library: what owns them.
        pointers: the messages.
        columns: what the block's arrays are.
    """

    def __init__(self, library: Library, pointers: Integers, columns: NDArray[np.int64]) -> None:
        super().__init__(columns)
        self._library = library
        self._pointers = pointers
        self._destroy = message_destroyer(library)
        # Room for the address of a message's headers.
        self._headers = ctypes.c_void_p()

    def headers(self, index: int) -> Headers:
        """Return a record's headers."""
        headers = self._headers
        if self._library.rd_kafka_message_headers(int(self._pointers[index]), ctypes.byref(headers)):
            return []
        found: Headers = []
        name, value, size = ctypes.c_char_p(), ctypes.c_void_p(), ctypes.c_size_t()
        places = ctypes.byref(name), ctypes.byref(value), ctypes.byref(size)
        while not self._library.rd_kafka_header_get_all(headers, len(found), *places):
            content = None if value.value is None else ctypes.string_at(value, size.value)
            found.append(((name.value or b"").decode("utf-8", "replace"), content))
        return found

    def headers_at(self, positions: Integers) -> list[Headers]:
        """Return the headers of the records at some positions. Those that have none cost next to nothing."""
        some = have_headers(self._pointers[positions], header_functions(self._library)).tolist()
        return [self.headers(at) if has else [] for at, has in zip(positions.tolist(), some, strict=True)]

    def header_starts(self, positions: Integers) -> Integers:
        """Return where, among the records at some positions, headers differ from those of the one before."""
        return header_starts(self._pointers[positions], header_functions(self._library))

    def last_headers(self, name: str, length: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the value of each record's last header of a name, as a row of bytes, and which have one so long."""
        return last_values(self._pointers, name, length, self._library)

    @property
    def pointers(self) -> Integers:
        """The library's messages, one for each record."""
        return self._pointers

    def timestamp_ms(self, index: int) -> int:
        """Return a record's time in milliseconds, -1 if it has none."""
        return int(self._library.rd_kafka_message_timestamp(int(self._pointers[index]), None))

    def release(self) -> None:
        """Give the records back. Doing so twice is allowed."""
        pointers, self._pointers = self._pointers, self._pointers[:0]
        destroy_all(pointers, self._destroy)

    def __del__(self) -> None:
        self.release()


@lru_cache(maxsize=1)
def message_destroyer(library: Library) -> Any:
    """Return the function that destroys a message, as compiled code calls it."""
    return ctypes.cast(library.rd_kafka_message_destroy, ctypes.CFUNCTYPE(None, ctypes.c_int64))


@compiled
def destroy_all(pointers: Integers, destroy: Any) -> None:
    """Destroy messages."""
    for index in range(pointers.shape[0]):
        destroy(pointers[index])


@compiled
def read_messages(pointers: Integers, count: int, columns: NDArray[np.int64], errors: Integers) -> tuple[int, int]:
    """Fill in where the records lie, move their messages to the front, and set the errors aside.

    A message is an rd_kafka_message_t: err (32 bits) at 0, partition (32 bits) at 16, payload at 24, its length at 32,
    key at 40, its length at 48, offset at 56.

    Returns:
        How many records there are, and how many errors.
    """
    records, failed = 0, 0
    for index in range(count):
        message = pointers[index]
        if load32(message) != 0:
            errors[failed] = message
            failed += 1
            continue
        pointers[records] = message
        value, key = np.int64(load64(message + 24)), np.int64(load64(message + 40))
        columns[0, records] = load32(message + 16)
        columns[1, records] = np.int64(load64(message + 56))
        columns[2, records] = value
        columns[3, records] = np.int64(load64(message + 32)) if value != 0 else -1
        columns[4, records] = key
        columns[5, records] = np.int64(load64(message + 48)) if key != 0 else -1
        records += 1
    return records, failed


def read_error(library: Library, pointer: int) -> tuple[int, int, KafkaError]:
    """Return partition, offset and error of a message that is one, and destroy it."""
    code, partition = (ctypes.c_int32.from_address(pointer + at).value for at in (0, 16))
    offset = ctypes.c_int64.from_address(pointer + 56).value
    payload, length = (ctypes.c_int64.from_address(pointer + at).value for at in (24, 32))
    text = ctypes.string_at(payload, length).decode("utf-8", "replace") if payload else ""
    library.rd_kafka_message_destroy(pointer)
    return partition, offset, KafkaError(code, text or KafkaError(code).str())
