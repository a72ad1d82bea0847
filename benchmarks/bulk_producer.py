"""Produces records by the million: librdkafka's own batch call, without a Python object per record.

confluent-kafka brings the library and offers one call per record, which takes a microsecond or two; this takes 0.3.
All functions that are called here are public API of librdkafka.
"""

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka
import numpy as np
from numpy.typing import NDArray

from benchmarks.packed import Packed

# rd_kafka_message_t
_MESSAGE = np.dtype(
    {
        "names": ["error", "partition", "payload", "length", "key", "key_length"],
        "formats": [np.int32, np.int32, np.uint64, np.uint64, np.uint64, np.uint64],
        "offsets": [0, 16, 24, 32, 40, 48],
        "itemsize": 72,
    }
)
_PRODUCER = 0
# Copy payloads, wait while the queue is full, take the partition from each message.
_FLAGS = 0x2 | 0x4 | 0x8
_TEXT_SIZE = 512
_FLUSH_MS = 120_000

_POINTER, _TEXT, _INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_FUNCTIONS = {
    "conf_new": (_POINTER, []),
    "conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _TEXT, ctypes.c_size_t]),
    "new": (_POINTER, [_INT, _POINTER, _TEXT, ctypes.c_size_t]),
    "topic_new": (_POINTER, [_POINTER, _TEXT, _POINTER]),
    "topic_destroy": (None, [_POINTER]),
    "produce_batch": (_INT, [_POINTER, ctypes.c_int32, _INT, _POINTER, _INT]),
    "poll": (_INT, [_POINTER, _INT]),
    "flush": (_INT, [_POINTER, _INT]),
    "destroy": (None, [_POINTER]),
    "init_transactions": (_POINTER, [_POINTER, _INT]),
    "begin_transaction": (_POINTER, [_POINTER]),
    "commit_transaction": (_POINTER, [_POINTER, _INT]),
    "error_string": (_TEXT, [_POINTER]),
}


class BulkProducer:
    """Sends packed records to one topic. Use it as a context manager: leaving it waits until Kafka has them all.

    Args:
        servers: the cluster.
        topic: must exist.
        options: more of librdkafka's.

    Raises:
        RuntimeError: the library is not where the wheel puts it, or an option is refused.
    """

    def __init__(self, servers: str, topic: str, options: Mapping[str, object] | None = None) -> None:
        self._library = _load()
        whole = {
            "bootstrap.servers": servers,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 300_000,
            "queue.buffering.max.messages": 2_000_000,
            "log_level": 3,
            **(options or {}),
        }
        self._handle = self._make(whole)
        self._topic = self._library.rd_kafka_topic_new(self._handle, topic.encode(), None)

    def send(self, payloads: Packed, keys: Packed | None, partitions: NDArray[np.int32]) -> None:
        """Send records, those of a partition in their order; waits while too many are under way.

        Raises:
            RuntimeError: Kafka's client took not all of them.
        """
        # One partition after the other: the client looks a partition up for each record that is not of the last one.
        order = np.argsort(partitions, kind="stable")
        payloads, keys, partitions = payloads.take(order), None if keys is None else keys.take(order), partitions[order]
        messages = np.zeros(len(payloads), _MESSAGE)
        messages["partition"] = partitions
        messages["payload"] = payloads.data.ctypes.data + payloads.starts
        messages["length"] = payloads.lengths
        if keys is not None:
            messages["key"] = keys.data.ctypes.data + keys.starts
            messages["key_length"] = keys.lengths
        taken = self._library.rd_kafka_produce_batch(self._topic, 0, _FLAGS, messages.ctypes.data, len(messages))
        if taken != len(messages):
            raise RuntimeError(f"{taken} of {len(messages)} records were taken: error {messages['error'].min()}")
        self._library.rd_kafka_poll(self._handle, 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is sent within visible at once, at the end; needs the option `transactional.id`.

        Raises:
            RuntimeError: Kafka's client refuses.
        """
        self._succeed(self._library.rd_kafka_init_transactions(self._handle, _FLUSH_MS))
        self._succeed(self._library.rd_kafka_begin_transaction(self._handle))
        yield
        self._succeed(self._library.rd_kafka_commit_transaction(self._handle, _FLUSH_MS))

    def flush(self) -> None:
        """Wait until Kafka has all that was sent.

        Raises:
            RuntimeError: it has not in time.
        """
        if left := self._library.rd_kafka_flush(self._handle, _FLUSH_MS):
            raise RuntimeError(f"Kafka did not take all records in {_FLUSH_MS // 1_000} s: error {left}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._library.rd_kafka_topic_destroy(self._topic)
            self._library.rd_kafka_destroy(self._handle)

    def _succeed(self, error: int | None) -> None:
        if error is not None:
            raise RuntimeError(self._library.rd_kafka_error_string(error).decode())

    def _make(self, options: Mapping[str, object]) -> int:
        text = ctypes.create_string_buffer(_TEXT_SIZE)
        conf = self._library.rd_kafka_conf_new()
        for name, value in options.items():
            if self._library.rd_kafka_conf_set(conf, name.encode(), str(value).encode(), text, _TEXT_SIZE):
                raise RuntimeError(text.value.decode())
        handle: int | None = self._library.rd_kafka_new(_PRODUCER, conf, text, _TEXT_SIZE)
        if handle is None:
            raise RuntimeError(text.value.decode())
        return handle


def _load() -> ctypes.CDLL:
    """Return the library that confluent-kafka's wheel brings."""
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = sorted(folder.glob("librdkafka*.so*"))
    if not found:
        raise RuntimeError(f"no librdkafka in {folder}: install confluent-kafka from its wheel")
    library = ctypes.CDLL(str(found[0]))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library
