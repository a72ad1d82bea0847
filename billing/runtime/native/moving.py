"""Hands records that were read on to another topic as they are, each with one header more, without a Python object."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.runtime.native.block import Integers, NativeBlock
from billing.runtime.native.client import Library, handle_of, native_library
from billing.runtime.native.compiled import compiled
from billing.runtime.native.memory import Whole, address_of, store32, store64
from billing.runtime.native.producing import address, make_room

# rd_kafka_vu_t: a tag (32 bits) at 0, a union of 64 bytes at 8. The tags are rd_kafka_vtype_t's.
_ARGUMENT_WORDS = 9
_TOPIC, _PARTITION, _VALUE, _KEY, _FLAGS, _TIMESTAMP, _HEADER, _HEADERS = 2, 3, 4, 5, 7, 8, 9, 10
_COPY = 2
# Where in the arguments each is; the last is the one header, or all of them.
_KEY_AT, _VALUE_AT, _PARTITION_AT, _TIMESTAMP_AT, _HEADER_AT = range(5)
_ARGUMENTS = 7
_PLACE_BYTES = 12


class BulkMover:
    """Hands on the records of blocks, with key, value, time and headers unchanged.

    Each gets one more header behind its own: its partition (32 bits) and its offset (64 bits), little-endian. Delivery
    is not reported one by one: see :class:`billing.runtime.native.producing.BulkProducer`.

    Args:
        library: what the producer runs on.
        handle: its handle there.
        producer: the producer; it is kept alive, and asked to serve what holds its queue up.
        topic: the library's handle of the topic that records go to; by its name, each record would look for it.
        header: the name of the header.
    """

    def __init__(self, library: Library, handle: int, producer: Any, topic: int, header: str) -> None:
        self._library, self._handle, self._producer = library, handle, producer
        self._topic = topic
        # Kept for as long as its address is used.
        self._name = ctypes.c_char_p(header.encode())
        self._place = np.zeros(_PLACE_BYTES, np.uint8)
        self._words = self._arguments()
        self._functions = _functions(library)

    @classmethod
    def of(cls, producer: Any, client_id: str, topic: str, header: str) -> "BulkMover | None":
        """Return one for a producer of confluent-kafka that was made with a `client.id`; None where it can't be had."""
        library = native_library()
        handle = None if library is None else handle_of(producer, library, client_id)
        if library is None or handle is None:
            return None
        return cls(library, handle, producer, library.rd_kafka_topic_new(handle, topic.encode(), None), header)

    def move(self, block: NativeBlock, positions: Integers, targets: Integers) -> None:
        """Hand on the records at some positions of a block, in this order, each to its partition.

        Args:
            block: the records.
            positions: which ones.
            targets: of each record of the block, the partition that it goes to.

        Raises:
            KafkaException: a record is refused by the library.
        """
        columns = np.stack([block.keys, block.key_lengths, block.values, block.value_lengths, block.offsets])
        done = 0
        while True:
            done, error = move_records(
                self._handle,
                *self._functions,
                self._words,
                self._place,
                address(self._name),
                block.pointers,
                columns,
                np.ascontiguousarray(block.partitions),
                positions,
                targets,
                done,
            )
            if not error:
                return
            make_room(self._library, self._producer, int(error))

    def close(self) -> None:
        """Let go of the topic. Do so before the producer is given up; doing so twice is allowed."""
        topic, self._topic = self._topic, 0
        if topic:
            self._library.rd_kafka_topic_destroy(topic)

    def _arguments(self) -> NDArray[np.int64]:
        rows: list[tuple[int, ...]] = [
            (_KEY,),
            (_VALUE,),
            (_PARTITION,),
            (_TIMESTAMP,),
            (_HEADER,),
            (_TOPIC, self._topic),
            (_FLAGS, _COPY),
        ]
        words: NDArray[np.int64] = np.zeros((_ARGUMENTS, _ARGUMENT_WORDS), np.int64)
        for line, row in zip(words, rows, strict=True):
            line[: len(row)] = row
        return words


def _functions(library: Library) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Return produceva, message_timestamp, message_headers, headers_copy, header_add, headers_destroy for a kernel."""
    whole, number = ctypes.c_int64, ctypes.c_int32
    kinds: dict[str, tuple[Any, ...]] = {
        "rd_kafka_produceva": (whole, whole, whole, whole),
        "rd_kafka_message_timestamp": (whole, whole, whole),
        "rd_kafka_message_headers": (number, whole, whole),
        "rd_kafka_headers_copy": (whole, whole),
        "rd_kafka_header_add": (number, whole, whole, whole, whole, whole),
        "rd_kafka_headers_destroy": (None, whole),
    }
    produce, timestamp_of, headers_of, copy, add, destroy = (
        ctypes.cast(getattr(library, name), ctypes.CFUNCTYPE(*kind)) for name, kind in kinds.items()
    )
    return produce, timestamp_of, headers_of, copy, add, destroy


@compiled
def move_records(
    handle: Whole,
    produce: Any,
    timestamp_of: Any,
    headers_of: Any,
    copy: Any,
    add: Any,
    destroy: Any,
    words: NDArray[np.int64],
    place: NDArray[np.uint8],
    name: Whole,
    pointers: Integers,
    columns: NDArray[np.int64],
    partitions: Integers,
    positions: Integers,
    targets: Integers,
    first: Whole,
) -> tuple[Whole, Whole]:
    """Call rd_kafka_produceva for each record until it refuses one.

    Args:
        handle: the producer's.
        produce: rd_kafka_produceva.
        timestamp_of: rd_kafka_message_timestamp.
        headers_of: rd_kafka_message_headers.
        copy: rd_kafka_headers_copy.
        add: rd_kafka_header_add.
        destroy: rd_kafka_headers_destroy.
        words: the arguments of produceva.
        place: room for the header's value.
        name: the address of the header's name.
        pointers: the messages.
        columns: rows of each record's key, its length, value, its length, and offset.
        partitions: of each record.
        positions: which records.
        targets: of each record the partition it goes to.
        first: the position to begin with.

    Returns:
        The position that was refused, one past the last if none was, and the error, 0 if there is none.
    """
    source, found = address_of(place), np.zeros(1, np.int64)
    for at in range(first, positions.shape[0]):
        index = positions[at]
        key, value = max(np.int64(0), columns[1, index]), max(np.int64(0), columns[3, index])
        words[_KEY_AT, 1], words[_KEY_AT, 2] = columns[0, index], key
        words[_VALUE_AT, 1], words[_VALUE_AT, 2] = columns[2, index], value
        words[_PARTITION_AT, 1] = targets[index]
        words[_TIMESTAMP_AT, 1] = max(np.int64(0), timestamp_of(pointers[index], 0))
        store32(source, partitions[index])
        store64(source + 4, columns[4, index])
        headers = np.int64(0)
        if headers_of(pointers[index], found.ctypes.data) == 0:
            headers = copy(found[0])
            add(headers, name, -1, source, _PLACE_BYTES)
            words[_HEADER_AT, 0], words[_HEADER_AT, 1] = _HEADERS, headers
        else:
            words[_HEADER_AT, 0], words[_HEADER_AT, 1] = _HEADER, name
            words[_HEADER_AT, 2], words[_HEADER_AT, 3] = source, _PLACE_BYTES
        error = produce(handle, words.ctypes.data, words.shape[0])
        if error != 0:
            if headers != 0:
                destroy(headers)
            return at, error
    return positions.shape[0], np.int64(0)
