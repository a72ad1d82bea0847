"""Records that were read together."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from billing.runtime.native.block import RecordBlock
from billing.runtime.topic_reader import Record
from exporter.kernel.arrays import Integers, ParsedArrays
from exporter.model.decoding import Subtotal


class JoinedRecords(RecordBlock):
    """Records that are Python objects, as a block."""

    def __init__(self, records: Sequence[Record]) -> None:
        columns = np.empty((6, len(records)), np.int64)
        columns[0] = [record.partition for record in records]
        columns[1] = [record.offset for record in records]
        self._values = _join([record.value for record in records], columns[2], columns[3])
        self._keys = _join([record.key for record in records], columns[4], columns[5])
        super().__init__(columns)


def _join(texts: list[bytes | None], addresses: Integers, lengths: Integers) -> bytes:
    """Return the texts one behind the other, and write where each lies and how long it is."""
    buffer = b"".join([text or b"" for text in texts])
    lengths[:] = [-1 if text is None else len(text) for text in texts]
    held = np.maximum(lengths, 0)
    addresses[:] = (ctypes.cast(ctypes.c_char_p(buffer), ctypes.c_void_p).value or 0) + np.cumsum(held) - held
    return buffer


@dataclass(frozen=True)
class Received:
    """Some records that follow each other.

    Args:
        parsed: what was read, of these and others.
        plain: the positions of those that were parsed.
        told: the positions of the others, and what they say.
    """

    parsed: ParsedArrays
    plain: Integers
    told: Sequence[tuple[int, Subtotal]]

    def partitions(self) -> list[int]:
        """Return the input partitions that these are about, in the order in which they came."""
        inputs, first = np.unique(self.parsed.inputs[self.plain], return_index=True)
        places = [*zip(self.plain[first].tolist(), inputs.tolist(), strict=True)]
        places += [(at, subtotal[0].partition) for at, subtotal in self.told]
        return list(dict.fromkeys(partition for _, partition in sorted(places)))


def chunks(told: Sequence[tuple[int, object]], count: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of positions, each of which has at most so many records that were not parsed."""
    yield from pairwise([0, *(at for at, _ in told[most::most]), count])
