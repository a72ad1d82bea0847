"""Hands many records to a producer of confluent-kafka at once, without a call from Python for each."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, KafkaException
from numpy.typing import NDArray

from billing.runtime.native.block import Integers, joined
from billing.runtime.native.client import handle_of, native_library
from billing.runtime.native.compiled import compiled
from billing.runtime.native.copying import Joined
from billing.runtime.native.memory import Whole

# rd_kafka_vu_t: a tag (32 bits) at 0, a union of 64 bytes at 8. The tags are rd_kafka_vtype_t's.
_ARGUMENT_WORDS = 9
_TOPIC, _PARTITION, _VALUE, _KEY, _FLAGS, _HEADER = 1, 3, 4, 5, 7, 9
_COPY = 2
# Where in the arguments key and value are, and the first of the headers; and where in each its address is, before a
# length: a header's name comes first.
_KEY_AT, _VALUE_AT, _HEADERS_AT = 0, 1, 5
_ADDRESS, _HEADER_ADDRESS = 1, 2
# The client chooses the partition, by the key.
_ANY_PARTITION = -1

# A header of many records: its name, and the value of each.
HeaderColumn = tuple[str, Joined]


class BulkProducer:
    """Hands records to the library of a producer. Their delivery is not reported one by one.

    In a transaction that is enough: the library does not commit one of whose records any was not delivered.

    Args:
        library: what the producer runs on.
        handle: its handle there.
        producer: the producer; it is kept alive, and asked to serve what holds its queue up.
    """

    def __init__(self, library: Any, handle: int, producer: Any) -> None:
        self._library = library
        self._handle = handle
        self._producer = producer
        prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        self._produce = ctypes.cast(library.rd_kafka_produceva, prototype)

    @classmethod
    def of(cls, producer: Any, client_id: str) -> "BulkProducer | None":
        """Return one for a producer of confluent-kafka that was made with a `client.id`; None where it can't be had."""
        library = native_library()
        handle = None if library is None else handle_of(producer, library, client_id)
        return None if library is None or handle is None else cls(library, handle, producer)

    def produce(
        self,
        topic: str,
        partition: int,
        keys: Sequence[bytes],
        values: Sequence[bytes],
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Produce records to one partition, in their order, each with the same headers.

        Raises:
            KafkaException: a record is refused by the library.
        """
        self._produce_all(_Arguments(topic, partition, headers), [joined(keys), joined(values)])

    def produce_each(
        self,
        topic: str,
        keys: Joined,
        values: Joined,
        headers: Sequence[HeaderColumn],
    ) -> None:
        """Produce records, in their order, to the partitions of their keys, each with headers of its own.

        Args:
            topic: where they go.
            keys: one for each record.
            values: one for each record.
            headers: by name, one for each record.

        Raises:
            KafkaException: a record is refused by the library.
        """
        arguments = _Arguments(topic, _ANY_PARTITION, [(name, b"") for name, _ in headers])
        self._produce_all(arguments, [keys, values, *(column for _, column in headers)])

    def _produce_all(self, arguments: "_Arguments", joins: Sequence[Joined]) -> None:
        """Produce records: keys, values and columns of headers, each joined; what holds them is kept meanwhile."""
        places = np.stack([numbers for _, addresses, lengths in joins for numbers in _places(addresses, lengths)])
        done = 0
        while True:
            done, error = produce_records(
                self._handle, self._produce, arguments.words, arguments.changing(len(joins)), places, done
            )
            if not error:
                break
            make_room(self._library, self._producer, int(error))


def _places(addresses: Integers, lengths: Integers) -> tuple[Integers, Integers]:
    """Return where texts lie as the library takes it: one that there is not lies nowhere."""
    return np.where(lengths < 0, 0, addresses), np.maximum(lengths, 0)


def make_room(library: Any, producer: Any, error: int) -> None:
    """Wait until a producer's queue has room again.

    Args:
        library: what the producer runs on.
        producer: the producer; it is asked to serve what holds its queue up.
        error: the address of why a record was refused; it is given back.

    Raises:
        KafkaException: it was refused for something else.
    """
    code, text = library.rd_kafka_error_code(error), library.rd_kafka_error_string(error)
    library.rd_kafka_error_destroy(error)
    if code != KafkaError._QUEUE_FULL:
        raise KafkaException(KafkaError(code, (text or b"").decode("utf-8", "replace")))
    producer.poll(0.1)


class _Arguments:
    """What rd_kafka_produceva is called with; key and value first, which change from record to record."""

    def __init__(self, topic: str, partition: int, headers: Sequence[tuple[str, bytes]]) -> None:
        # Kept for as long as their addresses are used.
        self._topic = ctypes.c_char_p(topic.encode())
        self._headers = [
            (ctypes.c_char_p(name.encode()), ctypes.c_char_p(value), len(value)) for name, value in headers
        ]
        rows: list[tuple[int, ...]] = [
            (_KEY,),
            (_VALUE,),
            (_TOPIC, address(self._topic)),
            (_PARTITION, partition),
            (_FLAGS, _COPY),
            *((_HEADER, address(name), address(value), length) for name, value, length in self._headers),
        ]
        self.words: NDArray[np.int64] = np.zeros((len(rows), _ARGUMENT_WORDS), np.int64)
        for words, row in zip(self.words, rows, strict=True):
            words[: len(row)] = row

    def changing(self, count: int) -> Integers:
        """Return which words change from record to record: addresses of the key, the value, and headers."""
        headers = [(_HEADERS_AT + index, _HEADER_ADDRESS) for index in range(count - 2)]
        return np.array([(_KEY_AT, _ADDRESS), (_VALUE_AT, _ADDRESS), *headers], np.int64)


def address(text: ctypes.c_char_p) -> int:
    """Return where a text lies. It must be kept for as long as that is used."""
    return ctypes.cast(text, ctypes.c_void_p).value or 0


@compiled
def produce_records(
    handle: Whole,
    produce: Any,
    words: NDArray[np.int64],
    changing: NDArray[np.int64],
    places: NDArray[np.int64],
    first: Whole,
) -> tuple[Whole, Whole]:
    """Call rd_kafka_produceva for each record until it refuses one.

    Args:
        handle: the producer's.
        produce: the function.
        words: its arguments.
        changing: rows of the argument and the word in it where an address goes; its length goes behind it.
        places: for each of these a row of the addresses of each record, and one of their lengths.
        first: the record to begin with.

    Returns:
        The record that was refused, one past the last if none was, and the error, 0 if there is none.
    """
    for index in range(first, places.shape[1]):
        for column in range(changing.shape[0]):
            argument, word = changing[column, 0], changing[column, 1]
            words[argument, word] = places[2 * column, index]
            words[argument, word + 1] = places[2 * column + 1, index]
        error = produce(handle, words.ctypes.data, words.shape[0])
        if error != 0:
            return index, error
    return places.shape[1], np.int64(0)
