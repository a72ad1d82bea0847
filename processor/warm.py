"""Compiles the processor's kernels, so that a start finds them."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from billing.event import EventRules
from billing.period import month_calendar
from billing.runtime.native.block import (
    JoinedValues,
    NativeBlock,
    RecordBlock,
    destroy_all,
    message_destroyer,
    read_messages,
)
from billing.runtime.native.client import Library, native_library
from billing.runtime.native.copying import copies, first_bytes
from billing.runtime.native.headers import header_functions, header_starts
from billing.runtime.native.moving import BulkMover
from billing.runtime.native.producing import BulkProducer
from billing.sums import TypeTable
from processor.book import PartitionBook
from processor.fold import FoldRules
from processor.id_chunks import decode_chunk
from processor.id_table import IdLimits
from processor.kernel.keyed import place_names
from processor.moving.placing import Placing
from processor.once import Once, OnceRules
from processor.reading import EventReader

# A line and an object, those that are left to the exact path, and more than there is room for at first.
_VALUES = (
    b"1488142855,Charlie,199.99",
    b'{"timestamp":"2017-02-26T22:00:55Z","customer":"Zoe","amount":1,"id":"7"}',
    b'{"void":"7","customer":"Zoe","id":"8"}',
    b"",
)
_MANY = 2_000


class _EmptyStore:
    """A State that holds nothing, and has the chunks at hand that were written to it."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def get(self, _: bytes) -> None:
        """Return nothing."""

    def get_committed(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return nothing for each."""
        return [None] * len(keys)

    def set_all(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Keep chunks alone."""
        self.chunks += [value for key, value in zip(keys, values, strict=True) if key.startswith(b"ids|0|")]

    def delete_all(self, keys: Sequence[bytes]) -> None:
        """Remove nothing."""


def _compile_moving(rules: EventRules, library: Library | None) -> None:
    records = JoinedValues([_VALUES[0], _VALUES[2]])
    none = np.empty(len(records), np.int64)
    columns = np.stack([none, none, records.values, records.value_lengths, none, none])
    Placing(rules, 1).targets(RecordBlock(columns))
    place_names(records.values, records.value_lengths, 1, none)
    if library is not None:
        nothing = NativeBlock(library, none[:0], columns[:, :0])
        nothing.last_headers("", 1)
        BulkMover(library, 0, None, 0, "header").move(nothing, none[:0], none[:0])


def compile_kernels() -> None:
    """Call each kernel once, as the processor calls it."""
    rules = FoldRules(EventRules(), month_calendar("UTC"), 0, OnceRules(1, limits=IdLimits(table_bytes=1)))
    store, types = _EmptyStore(), TypeTable(rules.events.types)
    book = PartitionBook(
        0,
        None,
        rules,
        types,
        Once(0, store, rules.once, types),
    )
    reader = EventReader(rules.events)
    values = [*_VALUES, *(b"1488142855,customer %d,1,,%d" % (number, number) for number in range(_MANY))]
    records = JoinedValues(values)
    book.count(reader.read(records, now_ms=1_490_000_000_000), np.arange(len(values)), 0, 0)
    deque(book.write(store, "warm", 0), maxlen=0)
    for data in store.chunks:
        decode_chunk(data)
    library, none = native_library(), np.empty(0, np.int64)
    _compile_moving(rules.events, library)
    copies(none, none)
    first_bytes(none, none)
    if library is not None:
        header_starts(none, header_functions(library))
        destroy_all(none, message_destroyer(library))
        read_messages(none, 0, np.empty((6, 0), np.int64), none)
        BulkProducer(library, 0, None).produce("topic", 0, [], [])
