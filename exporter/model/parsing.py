"""Reads blocks of records of the subtotals topic, in compiled code as far as they are plain."""

import numpy as np

from billing.runtime.native.block import RecordBlock
from exporter.kernel.arrays import Bytes, Integers, ParsedArrays
from exporter.kernel.parse import parse
from exporter.model.cube import Cube


class Parser:
    """Reads the records that it has not read before. It is not thread-safe, but others may look at the cube meanwhile.

    Args:
        cube: gets new names and months, though none of them is shown.
    """

    def __init__(self, cube: Cube) -> None:
        self._cube = cube
        self._next_offsets: Integers = np.zeros(0, np.int64)
        self._types: tuple[Bytes, Integers] = np.zeros(0, np.uint8), np.zeros(0, np.int64)

    def parse(self, block: RecordBlock) -> ParsedArrays:
        """Return what the records of a block say; those that were read before are marked as old."""
        count, width = len(block), len(self._cube.types.names)
        parsed = ParsedArrays(
            kinds=np.zeros(count, np.uint8),
            inputs=np.zeros(count, np.int32),
            months=np.zeros(count, np.int32),
            codes=np.zeros(count, np.int32),
            totals=np.zeros((count, width), np.int64),
            counts=np.zeros((count, width), np.uint32),
        )
        self._prepare(block, width)
        place = 0
        while (place := self._parse(block, place, parsed)) < count:
            self._make_room(block, place)
        return parsed

    def _parse(self, block: RecordBlock, first: int, parsed: ParsedArrays) -> int:
        columns = (
            block.partitions, block.offsets, block.values, block.value_lengths, block.keys, block.key_lengths
        )  # fmt: skip
        names = self._cube.all_names
        done: int = parse(
            columns, first, self._next_offsets, names.arrays, names.seed, self._cube.numbers.plain, *self._types, parsed
        )
        return done

    def _prepare(self, block: RecordBlock, width: int) -> None:
        partitions = int(block.partitions.max(initial=-1)) + 1
        if partitions > len(self._next_offsets):
            self._next_offsets = np.pad(self._next_offsets, (0, partitions - len(self._next_offsets)))
        if width > len(self._types[1]):
            self._types = _as_arrays(self._cube.types.names)

    def _make_room(self, block: RecordBlock, place: int) -> None:
        """Make room for the customer and the month of a record."""
        key = block.key(place) or b""
        self._cube.numbers.of(key.split(b"|", 3)[2].decode())
        self._cube.all_names.make_room(len(key))


def _as_arrays(types: list[str]) -> tuple[Bytes, Integers]:
    """Return the names of types as kernels take them: nothing for one that JSON has to escape."""
    texts = [name.encode() if _is_plain(name) else b"" for name in types]
    return np.frombuffer(bytearray(b"".join(texts)), np.uint8), np.cumsum([len(text) for text in texts], dtype=np.int64)


def _is_plain(name: str) -> bool:
    return not any(one in '"\\' or one < " " or "\ud800" <= one <= "\udfff" for one in name)
