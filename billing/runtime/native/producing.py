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
from billing.runtime.native.memory import Whole

# rd_kafka_vu_t: a tag (32 bits) at 0, a union of 64 bytes at 8. The tags are rd_kafka_vtype_t's.
_ARGUMENT_WORDS = 9
_TOPIC, _PARTITION, _VALUE, _KEY, _FLAGS, _HEADER = 1, 3, 4, 5, 7, 9
_COPY = 2
# Where in the arguments key and value are.
_KEY_AT, _VALUE_AT = 0, 1


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
        arguments = _Arguments(topic, partition, headers)
        key_buffer, key_addresses, key_lengths = joined(keys)
        value_buffer, value_addresses, value_lengths = joined(values)
        places = np.stack([key_addresses, key_lengths, value_addresses, value_lengths])
        done = 0
        while True:
            done, error = produce_records(self._handle, self._produce, arguments.words, places, done)
            if not error:
                break
            make_room(self._library, self._producer, int(error))
        del key_buffer, value_buffer


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


def address(text: ctypes.c_char_p) -> int:
    """Return where a text lies. It must be kept for as long as that is used."""
    return ctypes.cast(text, ctypes.c_void_p).value or 0


@compiled
def produce_records(
    handle: Whole, produce: Any, words: Integers, places: NDArray[np.int64], first: Whole
) -> tuple[Whole, Whole]:
    """Call rd_kafka_produceva for each record until it refuses one.

    Args:
        handle: the producer's.
        produce: the function.
        words: its arguments.
        places: rows of the address and length of each record's key, and of its value.
        first: the record to begin with.

    Returns:
        The record that was refused, one past the last if none was, and the error, 0 if there is none.
    """
    for index in range(first, places.shape[1]):
        words[_KEY_AT, 1], words[_KEY_AT, 2] = places[0, index], places[1, index]
        words[_VALUE_AT, 1], words[_VALUE_AT, 2] = places[2, index], places[3, index]
        error = produce(handle, words.ctypes.data, words.shape[0])
        if error != 0:
            return index, error
    return places.shape[1], np.int64(0)
